// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetched_bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string_view>

namespace galaxy::http::stream {

/// A value that comes in pieces, put together in the memory that it stays in.
class Gathered {
public:
    /// Throws `std::bad_alloc`.
    explicit Gathered(std::uint64_t whole)
        : bytes_(std::make_shared_for_overwrite<char[]>(possible(whole))), whole_(whole)
    {
    }

    /// Of the value, in bytes.
    std::uint64_t whole() const noexcept { return whole_; }

    /// The next piece. False where that is more than the whole.
    bool add(std::string_view piece) noexcept
    {
        if (piece.size() > whole_ - size_) return false;
        std::ranges::copy(piece, bytes_.get() + size_);
        size_ += piece.size();
        return true;
    }

    bool complete() const noexcept { return size_ == whole_; }
    FetchedBytes value() const { return {{bytes_.get(), size_}, bytes_}; }

private:
    /// The number is somebody else's, and libstdc++ adds to it before anybody looks.
    static std::size_t possible(std::uint64_t whole)
    {
        if (whole > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();
        return whole;
    }

    const std::shared_ptr<char[]> bytes_;
    const std::size_t whole_;
    std::size_t size_ = 0;
};

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace galaxy {

/// The bytes of a value that a peer sent: a string, or a part of a message that brought many, which
/// all of them keep.
class FetchedBytes {
public:
    FetchedBytes() = default;

    // Implicit, so that a protocol assigns what it has.
    FetchedBytes(std::string own) noexcept : own_(std::move(own)) {}
    FetchedBytes(std::string_view copied) : own_(copied) {}
    FetchedBytes(const char* copied) : own_(copied) {}

    /// `part` lies in what `whole` keeps, which is not null.
    FetchedBytes(std::string_view part, std::shared_ptr<const void> whole) noexcept
        : part_(part), whole_(std::move(whole))
    {
    }

    /// Valid while this object lives and is not assigned to.
    std::string_view view() const noexcept { return whole_ ? part_ : std::string_view(own_); }

    std::size_t size() const noexcept { return view().size(); }
    bool empty() const noexcept { return size() == 0; }

    friend bool operator==(const FetchedBytes& a, const FetchedBytes& b) noexcept
    {
        return a.view() == b.view();
    }

private:
    std::string own_;
    std::string_view part_;
    std::shared_ptr<const void> whole_;
};

}  // namespace galaxy

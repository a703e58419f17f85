// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/options.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// Writes the key numbered `number`, unlike its neighbours in every place: hexadecimal digits
/// behind as many `k` as the size wants.
void write_key(std::uint64_t number, char* to, std::size_t size) noexcept;
std::string make_key(std::uint64_t number, std::size_t size);

/// The value of every key.
std::string make_value(std::size_t size);

/// What every contestant does with a value: looks at its first eight bytes.
inline std::uint64_t taste(std::string_view value) noexcept
{
    std::uint64_t bits = 0;
    if (value.size() >= sizeof bits) [[likely]] {
        std::memcpy(&bits, value.data(), sizeof bits);
    } else {
        for (const char c : value) bits = bits << 8 | static_cast<unsigned char>(c);
    }
    return bits;
}

/// Makes the compiler believe that somebody reads it.
inline void swallow(std::uint64_t sum) noexcept
{
    asm volatile("" : : "r"(sum));
}

/// Requests drawn beforehand, their keys' bytes in the order in which they are asked for: as a
/// server has just read them, and so that no contestant pays for finding out what to ask next.
class Requests {
public:
    static constexpr std::size_t chunk = 1024;

    /// Of the keys numbered from 0 to below `residents`.
    Requests(std::size_t residents, std::size_t key_size, const Popularity& popularity);

    std::size_t key_size() const noexcept { return key_size_; }
    std::size_t chunks() const noexcept { return chunks_; }

    /// The keys of a chunk, one behind the other.
    const char* at(std::size_t chunk_number) const noexcept
    {
        return bytes_.data() + chunk_number * chunk * key_size_;
    }

private:
    std::size_t key_size_;
    std::size_t chunks_;
    std::vector<char> bytes_;
};

/// Goes round the requests chunk by chunk, each worker from a place of its own.
class Cursor {
public:
    Cursor(const Requests& requests, std::size_t worker, std::size_t workers) noexcept
        : requests_(&requests), next_(requests.chunks() * worker / workers)
    {
    }

    const char* next_chunk() noexcept
    {
        const char* keys = requests_->at(next_);
        if (++next_ == requests_->chunks()) next_ = 0;
        return keys;
    }
    std::size_t key_size() const noexcept { return requests_->key_size(); }

private:
    const Requests* requests_;
    std::size_t next_;
};

}  // namespace bench

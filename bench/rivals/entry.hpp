// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "store/hash.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

namespace bench {

/// Galaxy's own hash, so that no contestant wins by its hash.
struct Hash {
    using is_avalanching = void;  // spares unordered_flat_map its own mixing
    static constexpr std::uint64_t seed = 0x5bd1e9955bd1e995;

    std::size_t operator()(std::string_view key) const noexcept
    {
        return galaxy::store::hash(key, seed);
    }
};

/// A `Base` with key and value behind it, in one allocation: the least that a cache can do with.
template <class Base>
struct Packed : Base {
    struct Delete {
        void operator()(Packed* packed) const noexcept
        {
            packed->~Packed();
            ::operator delete(static_cast<void*>(packed));
        }
    };
    using Pointer = std::unique_ptr<Packed, Delete>;

    static Pointer make(std::string_view key, std::string_view value)
    {
        void* memory = ::operator new(sizeof(Packed) + key.size() + value.size());
        Pointer packed(new (memory) Packed);
        packed->key_size = static_cast<std::uint32_t>(key.size());
        packed->value_size = static_cast<std::uint32_t>(value.size());
        char* bytes = static_cast<char*>(memory) + sizeof(Packed);
        std::memcpy(bytes, key.data(), key.size());
        std::memcpy(bytes + key.size(), value.data(), value.size());
        return packed;
    }

    const char* bytes() const noexcept { return reinterpret_cast<const char*>(this + 1); }
    std::string_view key() const noexcept { return {bytes(), key_size}; }
    std::string_view value() const noexcept { return {bytes() + key_size, value_size}; }

    std::uint32_t key_size = 0;
    std::uint32_t value_size = 0;
};

}  // namespace bench

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace galaxy {

class Entry;

/// Where a get found its value.
enum class Origin : std::uint8_t { main, hot, peek, peer, backend };

/// "main", "hot", "peek", "peer" or "backend".
std::string_view to_string(Origin origin) noexcept;

/// Immutable, reference-counted bytes, with an optional expiry and where they came from.
///
/// Copying shares the bytes. A value may be held for any time, outlives the galaxy, and keeps its
/// bytes in memory beyond the galaxy's budget while held. An empty value is a value.
///
/// Thread safety: distinct objects may be used from any threads, even when they share bytes.
class Value {
public:
    /// An empty value that never expires.
    Value() noexcept = default;

    /// Copies `bytes`. Throws `std::length_error` from 4 GiB on.
    explicit Value(std::string_view bytes, Expiry expiry = {}, Origin from = Origin::backend);

    Value(const Value& other) noexcept;
    Value(Value&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)), from_(other.from_)
    {
    }
    Value& operator=(Value other) noexcept;
    ~Value()
    {
        if (entry_) release(entry_);
    }

    /// The bytes; valid while this value or a copy of it lives.
    std::string_view view() const noexcept;

    std::size_t size() const noexcept { return view().size(); }
    bool empty() const noexcept { return size() == 0; }

    /// When the value ends, as capped and jittered by the galaxy that holds it.
    Expiry expiry() const noexcept;

    Origin from() const noexcept { return from_; }

    /// The same bytes, said to come from elsewhere.
    Value with_origin(Origin from) const noexcept;

    /// True when nobody else shares the bytes. A snapshot: others may copy at any moment.
    bool unique() const noexcept;

private:
    friend class Entry;
    Value(Entry* adopted, Origin from) noexcept : entry_(adopted), from_(from) {}
    static void release(Entry* entry) noexcept;

    Entry* entry_ = nullptr;  ///< null: empty, never ends
    Origin from_ = Origin::backend;
};

}  // namespace galaxy

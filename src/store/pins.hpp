// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/value.hpp>

#include <cstdint>

namespace galaxy {
class PinGauge;
}

namespace galaxy::store {

/// Counts the memory of values that left a store while users still hold them: outside the budget,
/// and gone only when the last holder lets go. Thread-safe.
class Pins {
public:
    Pins();
    Pins(const Pins&) = delete;
    Pins& operator=(const Pins&) = delete;
    ~Pins();

    /// The store no longer charges `value`, and will drop this reference to it next.
    void let_go(const Value& value) noexcept;

    /// The store charges `value` again (it may have been dropped before, and held on to).
    void take_back(const Value& value) noexcept;

    std::uint64_t bytes() const noexcept;

private:
    PinGauge* gauge_;
};

}  // namespace galaxy::store

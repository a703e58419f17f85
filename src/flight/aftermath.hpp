// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/flight.hpp"
#include "flight/wakeups.hpp"

#include <exception>
#include <utility>

namespace galaxy {

/// Flights whose loads are to begin, in order.
class Departures {
public:
    Departures() = default;
    Departures(Departures&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)), last_(std::exchange(other.last_, nullptr))
    {
    }
    Departures& operator=(Departures&&) = delete;
    ~Departures()
    {
        if (first_) clear();
    }

    bool empty() const noexcept { return first_ == nullptr; }

    void push(FlightPtr flight) noexcept
    {
        Flight* node = flight.get();
        node->chained = std::move(flight);
        (first_ ? last_->inbox_next : first_) = node;
        last_ = node;
    }

    void append(Departures others) noexcept
    {
        if (others.empty()) return;
        (first_ ? last_->inbox_next : first_) = std::exchange(others.first_, nullptr);
        last_ = others.last_;
    }

    /// Null where none is left.
    FlightPtr pop() noexcept
    {
        Flight* flight = first_;
        if (!flight) return nullptr;
        first_ = std::exchange(flight->inbox_next, nullptr);
        return std::move(flight->chained);
    }

private:
    [[gnu::cold]] void clear() noexcept
    {
        while (pop()) {}
    }

    Flight* first_ = nullptr;
    Flight* last_ = nullptr;
};

/// What a turn of the strand leaves to be done on the universe's executor, and not on the strand:
/// user code.
struct Aftermath {
    Departures loads;
    Sleepers sleepers;
    bool unsettled = false;           ///< a visit must follow that settles down
    std::exception_ptr failure = {};  ///< to be thrown by the handler, once all else is done

    void append(Aftermath other) noexcept
    {
        loads.append(std::move(other.loads));
        sleepers.append(std::move(other.sleepers));
        unsettled = unsettled || other.unsettled;
        if (other.failure) failure = std::move(other.failure);
    }
};

}  // namespace galaxy

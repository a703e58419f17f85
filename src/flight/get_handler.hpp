// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/value.hpp>

#include <boost/assert.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace galaxy {

/// The handler of a get, whatever its type, in place: coroutines and any_completion_handlers, which
/// is all there is, are a word or two, and none is worth an allocation a get.
class GetHandlerSlot {
public:
    GetHandlerSlot() = default;
    GetHandlerSlot(const GetHandlerSlot&) = delete;
    GetHandlerSlot& operator=(const GetHandlerSlot&) = delete;
    ~GetHandlerSlot() { reset(); }

    explicit operator bool() const noexcept { return act_ != nullptr; }

    template <class Handler>
    void emplace(Handler handler)
    {
        static_assert(sizeof(Handler) <= sizeof(place_) && alignof(Handler) <= alignof(void*));
        static_assert(std::is_nothrow_move_constructible_v<Handler>);
        BOOST_ASSERT(!act_);
        ::new (static_cast<void*>(place_)) Handler(std::move(handler));
        act_ = &act<Handler>;
    }

    /// Calls the handler, which is gone from here by then.
    void operator()(boost::system::error_code error, Value value)
    {
        Outcome outcome{error, std::move(value)};
        std::exchange(act_, nullptr)(place_, &outcome);
    }

    /// Destroys the handler, which is gone from here by then.
    void reset() noexcept
    {
        if (act_) std::exchange(act_, nullptr)(place_, nullptr);
    }

private:
    struct Outcome {
        boost::system::error_code error;
        Value value;
    };

    template <class Handler>
    static void act(void* place, Outcome* outcome)
    {
        Handler& there = *std::launder(static_cast<Handler*>(place));
        Handler handler = std::move(there);
        there.~Handler();
        if (outcome) std::move(handler)(outcome->error, std::move(outcome->value));
    }

    void (*act_)(void* place, Outcome* outcome) = nullptr;  ///< null outcome: destroy only
    alignas(void*) std::byte place_[3 * sizeof(void*)];
};

}  // namespace galaxy

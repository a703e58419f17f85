// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/assert.hpp>

#include <cstddef>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace galaxy {

/// A completion handler of `void(Args...)`, whatever its type, in place: coroutines and
/// any_completion_handlers, which is all there is, are a word or two, and none is worth an
/// allocation a get.
template <class... Args>
class HandlerSlot {
public:
    HandlerSlot() = default;
    HandlerSlot(const HandlerSlot&) = delete;
    HandlerSlot& operator=(const HandlerSlot&) = delete;
    ~HandlerSlot() { reset(); }

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

    /// Calls the handler, which is gone from here by then; so may the slot be.
    void operator()(Args... args)
    {
        Given given(std::move(args)...);
        std::exchange(act_, nullptr)(place_, &given);
    }

    /// Destroys the handler, which is gone from here by then; so may the slot be.
    void reset() noexcept
    {
        if (act_) std::exchange(act_, nullptr)(place_, nullptr);
    }

private:
    using Given = std::tuple<Args...>;

    template <class Handler>
    static void act(void* place, Given* given)
    {
        Handler& there = *std::launder(static_cast<Handler*>(place));
        Handler handler = std::move(there);
        there.~Handler();  // NOLINT(bugprone-use-after-move)
        if (given) std::apply(std::move(handler), std::move(*given));
    }

    void (*act_)(void* place, Given* given) = nullptr;  ///< null given: destroy only
    alignas(void*) std::byte place_[3 * sizeof(void*)];
};

}  // namespace galaxy

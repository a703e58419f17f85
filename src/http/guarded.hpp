// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "runtime/enrolment.hpp"

#include <concepts>
#include <memory>
#include <new>
#include <utility>

namespace galaxy::http {

/// A handler of an owner's: `step(owner, …)`. Where that finds no memory, or there is none to call
/// it, the owner's `starved()` is called instead, which must not throw. Not where it is dropped
/// with the context of the owner's `executor()`.
template <class Owner, class Step>
class Guarded {
public:
    Guarded(std::shared_ptr<Owner> owner, Step step)
        : owner_(std::move(owner)), step_(std::move(step))
    {
    }
    Guarded(Guarded&&) noexcept = default;
    Guarded& operator=(Guarded&&) = delete;
    ~Guarded()
    {
        if (owner_ && given_up(owner_->executor())) owner_->starved();
    }

    template <class... Arguments>
        requires std::invocable<Step&, Owner&, Arguments...>
    void operator()(Arguments... arguments)
    {
        const std::shared_ptr<Owner> owner = std::move(owner_);
        try {
            step_(*owner, std::move(arguments)...);
        } catch (const std::bad_alloc&) {
            owner->starved();
        }
    }

private:
    std::shared_ptr<Owner> owner_;
    Step step_;
};

}  // namespace galaxy::http

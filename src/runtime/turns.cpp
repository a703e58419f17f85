// SPDX-License-Identifier: BSL-1.0
#include "runtime/turns.hpp"

namespace galaxy {

namespace {

constinit thread_local const Turns::Here* innermost = nullptr;

}  // namespace

Turns::Here::Here(const Turns& turns) noexcept : turns_(turns), outer_(innermost)
{
    innermost = this;
}

Turns::Here::~Here()
{
    innermost = outer_;
}

bool Turns::are_here() const noexcept
{
    const Here* here = innermost;
    while (here && &here->turns_ != this) here = here->outer_;
    return here != nullptr;
}

/// Moves what is queued, the newest first, behind what is ready, the oldest first. Called where
/// nothing is ready.
void Turns::make_ready() noexcept
{
    Job* job = head_.exchange(&inside_, std::memory_order_acq_rel);
    while (job && job != &inside_) {
        Job* const older = job->next;
        job->next = ready_;
        ready_ = job;
        job = older;
    }
}

void Turns::run_all()
{
    if (!ready_) make_ready();
    while (Job* job = ready_) {
        ready_ = job->next;
        job->act(job, true);
    }
}

void Turns::clear() noexcept
{
    // What is destroyed may push more.
    do {
        if (!ready_) make_ready();
        while (Job* job = ready_) {
            ready_ = job->next;
            job->act(job, false);
        }
    } while (!leave());
}

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#include "http/stream/ledger.hpp"

#include "moments.hpp"

#include <utility>

namespace galaxy::http::stream {

Job& Ledger::add(FetchStart& one, Job::Clock::time_point now)
{
    const FetchRequest& request = *one.request;
    Job& job = jobs_.try_emplace(request.id).first->second;
    job = {.request = request, .handler = std::move(one.handler)};
    if (request.timeout > Duration::zero()) job.deadline = after(now, request.timeout);
    return job;
}

Job* Ledger::find(std::uint64_t id) noexcept
{
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
}

void Ledger::erase(std::uint64_t id) noexcept
{
    jobs_.erase(id);
    let_go_of_room();
}

/// A peer that gave no answer for a while has had more wait for it than ever will again.
void Ledger::let_go_of_room() noexcept
{
    if (jobs_.empty() && jobs_.bucket_count() > 4 * window_) jobs_ = {};
}

Job* Ledger::take_next()
{
    Job* const peek = take_next(Verb::peek);
    return peek ? peek : take_next(Verb::fetch);
}

Job* Ledger::take_next(Verb verb)
{
    Line& line = line_for(verb);
    while (!line.empty() && has_room(verb)) {
        Job* job = find(line.front());
        line.pop_front();
        if (job && !job->sent) return job;
    }
    return nullptr;
}

/// A peek is answered at once, and is how a universe asks whether a peer lives that is long about
/// its loads: it must not wait behind these.
bool Ledger::has_room(Verb verb) const noexcept
{
    return in_flight_ < window_ + (verb == Verb::peek ? spare_for_peeks : 0);
}

void Ledger::sent(Job& job) noexcept
{
    job.sent = true;
    ++in_flight_;
}

std::optional<Job> Ledger::take_answered(std::uint64_t id) noexcept
{
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || !found->second.sent) return std::nullopt;
    std::optional<Job> job = std::move(found->second);
    jobs_.erase(found);
    --in_flight_;
    if (!job->handler) --abandoned_;
    let_go_of_room();
    return job;
}

void Ledger::take_line(Jobs& taken)
{
    take_line(peeks_, taken);
    take_line(line_, taken);
    let_go_of_room();
}

void Ledger::take_line(Line& line, Jobs& taken)
{
    for (const std::uint64_t id : std::exchange(line, {})) {
        const auto found = jobs_.find(id);
        if (found == jobs_.end() || found->second.sent) continue;
        taken.emplace_back() = std::move(found->second);
        jobs_.erase(found);
    }
}

void Ledger::take_broken(bool worth_another_try, Jobs& broken)
{
    in_flight_ = 0;
    abandoned_ = 0;
    for (auto known = jobs_.begin(); known != jobs_.end();) {
        Job& job = known->second;
        if (!job.sent) {
            ++known;
        } else if (job.handler && worth_another_try && !job.again) {
            line_for(job.request.verb).push_front(known->first);
            job.again = true;
            job.sent = false;
            job.gathered.reset();
            ++known;
        } else {
            if (job.handler) broken.emplace_back() = std::move(job);
            jobs_.erase(known++);
        }
    }
    let_go_of_room();
}

Jobs Ledger::take()
{
    Jobs all;
    all.reserve(jobs_.size());
    for (auto& [id, job] : std::exchange(jobs_, {})) all.push_back(std::move(job));
    peeks_.clear();
    line_.clear();
    in_flight_ = abandoned_ = 0;
    return all;
}

std::optional<Job> Ledger::take_one() noexcept
{
    peeks_.clear();
    line_.clear();
    in_flight_ = abandoned_ = 0;
    const auto any = jobs_.begin();
    if (any == jobs_.end()) return std::nullopt;
    std::optional<Job> job = std::move(any->second);
    jobs_.erase(any);
    return job;
}

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/stream/gathered.hpp"

#include <galaxy/fetch.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace galaxy::http::stream {

/// A request whose end has to be told, or that has been cancelled and is yet to be answered.
struct Job {
    using Clock = std::chrono::steady_clock;

    FetchRequest request;
    FetchHandler handler;                                   ///< null: cancelled
    Clock::time_point deadline = Clock::time_point::max();  ///< the most: none
    bool sent = false;
    bool again = false;                       ///< for the second time
    std::unique_ptr<Gathered> gathered = {};  ///< what has come of the value
};

using Jobs = std::vector<Job>;

/// The requests of a stream's asking half, from their start to their end: in line, then sent. No
/// more than a window of them are sent and not answered at once. Its user's to guard.
class Ledger {
public:
    explicit Ledger(std::size_t window) : window_(window) {}

    bool empty() const noexcept { return jobs_.empty(); }

    /// A new one, neither sent nor in line. Valid until the next. Takes the handler, unless there
    /// is no memory.
    Job& add(FetchStart& one, Job::Clock::time_point now);

    /// Null where there is none. Valid until another is added.
    Job* find(std::uint64_t id) noexcept;
    /// One that was not sent.
    void erase(std::uint64_t id) noexcept;

    void put_in_line(const Job& job) { line_for(job.request.verb).push_back(job.request.id); }
    bool has_line() const noexcept { return !peeks_.empty() || !line_.empty(); }
    /// The next in line, where there is room for it; else null. Peeks go before all else.
    Job* take_next();

    std::size_t in_flight() const noexcept { return in_flight_; }
    bool has_room(Verb verb) const noexcept;
    void sent(Job& job) noexcept;

    /// Nobody waits any more for one that was sent. False where these fill the window.
    bool abandon() noexcept { return ++abandoned_ < window_; }

    /// One that was sent and is answered now; nothing where there is none.
    std::optional<Job> take_answered(std::uint64_t id) noexcept;

    // Where these find no memory, what they have taken is in the list, and the rest still here.

    /// All that are in line.
    void take_line(Jobs& taken);

    /// Those that were sent, as their connection has ended. The ones that are worth another try go
    /// back into the line.
    void take_broken(bool worth_another_try, Jobs& broken);

    /// All.
    Jobs take();

    /// Any, as for all of them there may be no memory; nothing where there is none.
    std::optional<Job> take_one() noexcept;

private:
    using Line = std::deque<std::uint64_t>;  ///< not sent yet, in order; some may be over

    static constexpr std::size_t spare_for_peeks = 8;

    void let_go_of_room() noexcept;
    Line& line_for(Verb verb) noexcept { return verb == Verb::peek ? peeks_ : line_; }
    Job* take_next(Verb verb);
    void take_line(Line& line, Jobs& taken);

    const std::size_t window_;
    boost::unordered_flat_map<std::uint64_t, Job> jobs_;
    Line peeks_, line_;
    std::size_t in_flight_ = 0;  ///< sent and not answered
    std::size_t abandoned_ = 0;  ///< of these, cancelled
};

}  // namespace galaxy::http::stream

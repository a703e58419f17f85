// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "runtime/enrolment.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

// Names of peers become addresses by the system's own lookup (`getaddrinfo`), which knows
// everything the administrator has set up and cannot be stopped: where a DNS server says nothing it
// takes half a minute. So it runs on threads of which nobody expects that they end: a lookup owns
// all that it touches, whoever waits for one may leave at any time, and no context waits for one.
// There are few such threads, and one name takes one of them at most, so that a name that hangs is
// in nobody's way. A thread lives while there is something to look up: none is idle, and none is
// missed in a child after `fork`.
namespace galaxy::http {

/// What came of a lookup.
struct Found {
    boost::system::error_code error;  ///< `errc::busy`: this process could not look
    std::vector<boost::asio::ip::address> addresses;
};

using FoundPtr = std::shared_ptr<const Found>;

/// When a thread began with a lookup; `time_point::max()` while it waits in line.
using Turn = std::atomic<std::chrono::steady_clock::time_point>;

/// Somebody who waits for a lookup. May be let go of at any time, on any thread, before its context
/// or after.
class Inquiry final : private Enrolment {
public:
    using Done = std::function<void(FoundPtr)>;
    using TimePoint = std::chrono::steady_clock::time_point;

    /// `done` is posted to `executor`, once at most.
    Inquiry(const boost::asio::any_io_executor& executor, Done done);
    ~Inquiry() override;

    /// `done` is not wanted any more; it may be on its way.
    void withdraw();

    /// Waits for this lookup from now on.
    void join(std::shared_ptr<const Turn> turn);

    /// When a thread began with it, be it over or not. Nothing where it is or was in line all the
    /// time, or where there was no memory to say what came of it.
    std::optional<TimePoint> begun() const;

    /// From any thread. Later answers are ignored.
    void answer(const FoundPtr& found) noexcept;

private:
    void context_gone(Garbage& garbage) noexcept override;

    mutable std::mutex mutex_;
    boost::asio::any_io_executor executor_;  // empty once the context is gone
    Done done_;                              // empty: answered, or withdrawn
    std::shared_ptr<const Turn> turn_;
};

/// Lookups of names, each on a thread, at most so many at once; others wait in line. Thread-safe.
class Lookups final : public std::enable_shared_from_this<Lookups> {
public:
    using Clock = std::chrono::steady_clock;
    /// May take as long as it likes, and throw.
    using Resolve = std::function<Found(const std::string& name)>;

    /// Runs a function on a thread of its own; throws where there is none to be had.
    using Start = std::function<void(std::function<void()>)>;

    Lookups(Resolve resolve, std::size_t most_threads, Start start = start_thread);

    /// Those of this process, which ask the system.
    static std::shared_ptr<Lookups> of_process();
    /// Puts others in their place, for tests; null for the usual. Returns what was there.
    static std::shared_ptr<Lookups> replace(std::shared_ptr<Lookups> others);

    /// Joins the lookup of `name`, which is begun where none is under way.
    void ask(const std::string& name, const std::shared_ptr<Inquiry>& inquiry);

    /// What the last good lookup of `name` has found; empty where there was none.
    std::vector<boost::asio::ip::address> last_good(const std::string& name) const;

    /// Lookups under way, for tests.
    std::size_t threads() const;

private:
    enum class State : std::uint8_t { idle, in_line, begun };
    using Waiting = std::vector<std::weak_ptr<Inquiry>>;
    struct Name {
        State state = State::idle;
        std::shared_ptr<Turn> turn;
        Waiting waiting;
        FoundPtr good;
    };

    void work() noexcept;
    std::optional<std::string> take();
    FoundPtr look_up(const std::string& name) const noexcept;
    void finish(const std::string& name, const FoundPtr& found);
    static void start_thread(std::function<void()> work);
    void give_up_line();
    bool take_from_line(Waiting& left, bool without_thread) noexcept;
    void make_room();

    const Resolve resolve_;
    const std::size_t most_threads_;
    const Start start_;
    const FoundPtr unable_;

    mutable std::mutex mutex_;
    std::unordered_map<std::string, Name> names_;
    std::deque<std::string> line_;
    std::size_t threads_ = 0;
};

/// Asks the system.
Found resolve_by_system(const std::string& name);

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "seeded_hash.hpp"

#include <galaxy/asker.hpp>

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace galaxy {

/// What may stand in a `FairQueue`, which it must have left before it ends.
class Queued : public boost::intrusive::list_base_hook<> {
private:
    friend class FairQueue;
    void* line_ = nullptr;      ///< null: in no queue
    std::uint64_t ticket_ = 0;  ///< numbers in a line go up
};

/// A queue in which everybody's next one comes soon, however many others wait before it: hosts take
/// turns, each host's connections do, and each connection's come in the order in which they came.
/// All of it takes constant time. Not thread-safe.
class FairQueue {
public:
    FairQueue() = default;
    FairQueue(const FairQueue&) = delete;
    FairQueue& operator=(const FairQueue&) = delete;
    ~FairQueue() { clear(); }

    /// Behind all others of that asker. Throws `bad_alloc`, and is as it was then.
    void push(Queued& one, const Asker& asker);

    /// Another asker wants it as well: it moves behind theirs, where its turn comes sooner. Throws
    /// `bad_alloc`, and is as it was then.
    void share(Queued& one, const Asker& asker);

    /// The next one; null where nobody waits.
    Queued* pop() noexcept;

    /// Takes one out, if it is in.
    void remove(Queued& one) noexcept;

    void clear() noexcept;

    bool empty() const noexcept { return hosts_.empty(); }

private:
    struct Host;

    /// Those of one connection; never empty for long.
    struct Line : boost::intrusive::list_base_hook<> {
        Host* host = nullptr;
        std::uint64_t connection = 0;
        std::uint64_t next_ticket = 1;
        std::uint64_t served = 0;  ///< the last ticket whose turn has come
        boost::intrusive::list<Queued> waiting;
    };

    struct Host : boost::intrusive::list_base_hook<> {
        std::uint64_t id = 0;
        std::unordered_map<std::uint64_t, Line, SeededHash> lines;
        boost::intrusive::list<Line> turns;
    };

    Line& line_of(const Asker& asker);
    static void append(Line& line, Queued& one) noexcept;
    static std::uint64_t turns_before(const Line& line, std::uint64_t ticket) noexcept;
    void leave(Line& line, Queued& one) noexcept;
    void drop_if_empty(Line& line) noexcept;
    void drop_if_empty(Host& host) noexcept;

    std::unordered_map<std::uint64_t, Host, SeededHash> hosts_;
    boost::intrusive::list<Host> turns_;
};

}  // namespace galaxy

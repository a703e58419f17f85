// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/job.hpp"
#include "http/wire.hpp"
#include "runtime/enrolment.hpp"

#include <galaxy/http/tls.hpp>
#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

namespace galaxy::http {

/// How a `Pool` does it; as the options of the same names in `ProtocolOptions`.
struct PoolOptions {
    Duration connect_timeout;
    Duration idle_timeout;
    std::size_t max_idle;
    std::size_t max_connections;
    std::size_t max_header;
};

/// An HTTP client for one server, a peer or any other: who of its connections is idle, who works on
/// what, who waits for one. What is asked is the text of a job; what is made of an answer is the
/// job's business. That an answer is the answer to its request is this client's.
///
/// A request takes the connection used last, opens one more, or waits in line. Peeks may go a few
/// connections beyond the limit: they are how a universe asks whether a peer that answers nothing
/// is alive, which must not wait behind what it does not answer.
class Pool final : private Enrolment, public std::enable_shared_from_this<Pool> {
public:
    /// `tls` is empty for a server that is spoken to plainly.
    Pool(const PoolOptions& options, Endpoint endpoint, Tls tls,
         const boost::asio::any_io_executor& executor);
    ~Pool() override;

    void start(const JobPtr& job);
    /// Ends a job that was not started, soon.
    void refuse(const JobPtr& job, boost::system::error_code error);
    void cancel(std::uint64_t id);
    void close();

    std::size_t connections() const noexcept;
    std::uint64_t reconnects() const noexcept;

    const PoolOptions& options() const noexcept { return options_; }
    const Endpoint& endpoint() const noexcept { return endpoint_; }
    const Tls& tls() const noexcept { return tls_; }

    // For the connections, on their strands.

    /// A socket is about to be connected.
    void opening() noexcept;
    /// `connection` has had its answer and may be used again.
    void give_back(const std::shared_ptr<Connection>& connection);
    /// `connection` is closed.
    void discard(const std::shared_ptr<Connection>& connection);
    /// Tells whoever waits, unless they have been told or have left.
    void finish(const JobPtr& job, Answer answer);

private:
    struct Idle {
        std::shared_ptr<Connection> connection;
        std::chrono::steady_clock::time_point since;
    };
    static constexpr std::size_t spare_for_peeks = 8;

    void context_gone(Garbage& garbage) noexcept override;

    using Jobs = std::list<JobPtr>;

    // All with the mutex held. Jobs hold sinks, which may own the fetcher and thus come back: none
    // ends here, what is over goes to `stale` and ends with the caller, without the mutex.
    template <class Begin>
    void take_up(const JobPtr& job, Begin begin);
    bool dispatch(const JobPtr& job);
    void assign(const std::shared_ptr<Connection>& connection, const JobPtr& job);
    JobPtr next_waiting(Jobs& stale);
    void drop_stale();
    void close_idle(const std::shared_ptr<Connection>& connection);
    void post_end(const JobPtr& job, boost::system::error_code error);

    const PoolOptions options_;
    const Endpoint endpoint_;
    const Tls tls_;

    mutable std::mutex mutex_;
    boost::asio::any_io_executor executor_;  // empty once the context is gone
    std::unordered_map<std::uint64_t, JobPtr> jobs_;
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    std::deque<Idle> idle_;  // the one used last at the back
    Jobs waiting_;
    std::uint64_t opened_ = 0;
    bool closed_ = false;
};

}  // namespace galaxy::http

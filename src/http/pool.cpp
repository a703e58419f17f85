// SPDX-License-Identifier: BSL-1.0
#include "http/pool.hpp"

#include "http/connection.hpp"

#include "quietly.hpp"
#include "runtime/serial.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

Pool::Pool(const PoolOptions& options, Endpoint endpoint, Tls tls,
           const asio::any_io_executor& executor)
    : Enrolment(executor),
      options_(options),
      endpoint_(std::move(endpoint)),
      tls_(std::move(tls)),
      executor_(executor)
{
}

Pool::~Pool()
{
    leave([this] { executor_ = {}; });
}

void Pool::start(const JobPtr& job)
{
    const std::lock_guard lock(mutex_);
    if (!executor_) return;
    if (closed_) return post_end(job, errc::closed);
    jobs_.emplace(job->id, job);
    try {
        if (!dispatch(job)) waiting_.push_back(job);
    } catch (...) {
        jobs_.erase(job->id);
        throw;
    }
}

void Pool::refuse(const JobPtr& job, boost::system::error_code error)
{
    const std::lock_guard lock(mutex_);
    post_end(job, closed_ ? boost::system::error_code(errc::closed) : error);
}

/// False where there is no room for it.
bool Pool::dispatch(const JobPtr& job)
{
    drop_stale();
    if (!idle_.empty()) {
        const std::shared_ptr<Connection> connection = std::move(idle_.back().connection);
        idle_.pop_back();
        assign(connection, job);
        return true;
    }
    const std::size_t limit = options_.max_connections + (job->spare ? spare_for_peeks : 0);
    if (connections_.size() >= limit) return false;
    const auto connection = std::make_shared<Connection>(shared_from_this(), executor_);
    connections_.insert(connection);
    assign(connection, job);
    return true;
}

/// What takes up a job that waited. Where there is no memory for that, the job ends.
template <class Begin>
void Pool::take_up(const JobPtr& job, Begin begin)
{
    try {
        begin();
    } catch (const std::bad_alloc&) {
        jobs_.erase(job->id);
        quietly([&] { post_end(job, errc::busy); });
    }
}

void Pool::assign(const std::shared_ptr<Connection>& connection, const JobPtr& job)
{
    try {
        job->connection_ = connection;
        connection->post_begin(job);
    } catch (const std::bad_alloc&) {
        job->connection_.reset();
        close_idle(connection);
        throw;
    }
}

JobPtr Pool::next_waiting(Jobs& stale)
{
    while (!waiting_.empty()) {
        stale.splice(stale.end(), waiting_, waiting_.begin());
        if (!stale.back()->over_) return stale.back();
    }
    return nullptr;
}

void Pool::drop_stale()
{
    if (idle_.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    while (!idle_.empty() && now - idle_.front().since > options_.idle_timeout) {
        const std::shared_ptr<Connection> stale = std::move(idle_.front().connection);
        idle_.pop_front();
        close_idle(stale);
    }
}

void Pool::close_idle(const std::shared_ptr<Connection>& connection)
{
    connection->release();
    connections_.erase(connection);
}

void Pool::opening() noexcept
{
    const std::lock_guard lock(mutex_);
    ++opened_;
}

void Pool::give_back(const std::shared_ptr<Connection>& connection)
{
    Jobs stale;
    const std::lock_guard lock(mutex_);
    if (!executor_) return;
    if (closed_ || connections_.size() > options_.max_connections) return close_idle(connection);
    if (const JobPtr job = next_waiting(stale))
        return take_up(job, [&] { assign(connection, job); });
    if (idle_.size() >= options_.max_idle || options_.idle_timeout <= Duration::zero()) {
        return close_idle(connection);
    }
    try {
        idle_.push_back({connection, std::chrono::steady_clock::now()});
    } catch (const std::bad_alloc&) {
        close_idle(connection);
    }
}

void Pool::discard(const std::shared_ptr<Connection>& connection)
{
    Jobs stale;
    const std::lock_guard lock(mutex_);
    connections_.erase(connection);
    if (!executor_ || closed_) return;
    const JobPtr job = next_waiting(stale);
    if (!job) return;
    take_up(job, [&] {
        // The end of a connection for peeks makes room for nobody else: its turn is not lost.
        if (!dispatch(job)) waiting_.splice(waiting_.begin(), stale, std::prev(stale.end()));
    });
}

void Pool::finish(const JobPtr& job, Answer answer)
{
    if (!job) return;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(job->over_, true)) return;
        jobs_.erase(job->id);
    }
    job->done(std::move(answer));
}

void Pool::cancel(std::uint64_t id)
{
    JobPtr job;
    const std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return;
    job = std::move(found->second);
    jobs_.erase(found);
    post_end(job, asio::error::operation_aborted);
}

/// Ends a job from outside: it is over now, who waits hears of it soon, its connection stops.
void Pool::post_end(const JobPtr& job, boost::system::error_code error)
{
    job->over_ = true;
    if (!executor_) return;
    if (const std::shared_ptr<Connection> connection = job->connection_.lock()) {
        quietly([&] { connection->post_give_up(job); });
    }
    post_reserving(executor_, [job, error] {
        Answer answer;
        answer.error = error;
        job->done(std::move(answer));
    });
}

void Pool::close()
{
    std::unordered_map<std::uint64_t, JobPtr> jobs;
    Jobs waiting;
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    jobs.swap(jobs_);
    waiting.swap(waiting_);
    for (const auto& [id, job] : jobs) post_end(job, errc::closed);
    for (const Idle& idle : idle_) close_idle(idle.connection);
    idle_.clear();
}

std::size_t Pool::connections() const noexcept
{
    const std::lock_guard lock(mutex_);
    return connections_.size();
}

std::uint64_t Pool::reconnects() const noexcept
{
    const std::lock_guard lock(mutex_);
    return opened_ > 0 ? opened_ - 1 : 0;
}

void Pool::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    garbage.take(std::exchange(executor_, {}));
    for (const std::shared_ptr<Connection>& connection : connections_) {
        connection->context_gone(garbage);
    }
    garbage.take(std::exchange(connections_, {}));
    for (; !idle_.empty(); idle_.pop_front()) garbage.take(std::move(idle_.front().connection));
    garbage.take(std::exchange(jobs_, {}));
    garbage.take(std::exchange(waiting_, {}));
}

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#include "http/pool.hpp"

#include "http/connection.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

Pool::Pool(ProtocolOptions options, Endpoint endpoint, Tls tls, const LinkContext& context,
           std::string peer_id)
    : Enrolment(context.executor),
      options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      tls_(std::move(tls)),
      peer_id_(std::move(peer_id)),
      template_(options_.paths, endpoint_, context, peer_id_, options_.secret),
      executor_(context.executor)
{
}

Pool::~Pool()
{
    leave([this] { executor_ = {}; });
}

void Pool::start(const FetchRequest& request, FetchHandler handler)
{
    auto job = std::make_shared<Job>();
    job->id = request.id;
    job->verb = request.verb;
    job->request = template_.write(request);
    job->max_value = request.max_value;
    job->sink = handler;
    job->handler = std::move(handler);

    const std::lock_guard lock(mutex_);
    if (!executor_) return;
    if (closed_) return post_end(job, errc::closed);
    if (job->verb != Verb::fetch && job->verb != Verb::peek)
        return post_end(job, errc::unsupported);
    jobs_.emplace(job->id, job);
    dispatch(job);
}

void Pool::dispatch(const JobPtr& job)
{
    drop_stale();
    if (!idle_.empty()) {
        const std::shared_ptr<Connection> connection = std::move(idle_.back().connection);
        idle_.pop_back();
        return assign(connection, job);
    }
    const std::size_t limit =
        options_.max_connections + (job->verb == Verb::peek ? spare_for_peeks : 0);
    if (connections_.size() >= limit) {
        waiting_.push_back(job);
        return;
    }
    const auto connection = std::make_shared<Connection>(shared_from_this(), executor_);
    connections_.insert(connection);
    assign(connection, job);
}

void Pool::assign(const std::shared_ptr<Connection>& connection, const JobPtr& job)
{
    job->connection = connection;
    connection->post_begin(job);
}

JobPtr Pool::next_waiting(Jobs& stale)
{
    while (!waiting_.empty()) {
        JobPtr job = std::move(waiting_.front());
        waiting_.pop_front();
        if (!job->over) return job;
        stale.push_back(std::move(job));
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
    if (const JobPtr job = next_waiting(stale)) return assign(connection, job);
    if (idle_.size() >= options_.max_idle || options_.idle_timeout <= Duration::zero()) {
        return close_idle(connection);
    }
    idle_.push_back({connection, std::chrono::steady_clock::now()});
}

void Pool::discard(const std::shared_ptr<Connection>& connection)
{
    Jobs stale;
    const std::lock_guard lock(mutex_);
    connections_.erase(connection);
    if (!executor_ || closed_) return;
    if (const JobPtr job = next_waiting(stale)) dispatch(job);
}

void Pool::finish(const JobPtr& job, FetchResult result)
{
    if (!job) return;
    FetchHandler handler;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(job->over, true)) return;
        jobs_.erase(job->id);
        handler = std::move(job->handler);
    }
    handler->done(std::move(result));
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

/// Ends a job from outside: it is over now, its handler hears of it soon, its connection stops.
void Pool::post_end(const JobPtr& job, boost::system::error_code error)
{
    job->over = true;
    if (!executor_) return;
    if (const std::shared_ptr<Connection> connection = job->connection.lock()) {
        connection->post_give_up(job);
    }
    asio::post(executor_, [handler = std::move(job->handler), error] {
        FetchResult result;
        result.error = error;
        handler->done(std::move(result));
    });
}

void Pool::close()
{
    std::unordered_map<std::uint64_t, JobPtr> jobs;
    std::deque<JobPtr> waiting;
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
    garbage.take(std::exchange(idle_, {}));
    garbage.take(std::exchange(jobs_, {}));
    garbage.take(std::exchange(waiting_, {}));
}

}  // namespace galaxy::http

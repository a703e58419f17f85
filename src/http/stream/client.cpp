// SPDX-License-Identifier: BSL-1.0
#include "http/stream/client.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace galaxy::http::stream {

namespace asio = boost::asio;

namespace {

/// A stream that has not been used for so many looks in a row is closed.
constexpr unsigned looks = 4;

/// As the wire says it: zero where there is no deadline, and at least one.
std::uint32_t milliseconds_until(std::optional<std::chrono::steady_clock::time_point> deadline)
{
    if (!deadline) return 0;
    const auto left = *deadline - std::chrono::steady_clock::now();
    const std::int64_t rounded_up = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(rounded_up, 1, most));
}

FetchResult result_of(const Answer& answer, const FetchRequest& request)
{
    FetchResult result;
    result.error = error_of(answer.status);
    result.draining = answer.draining;
    if (result.error == errc::protocol_error) result.detail = "an answer of an unknown kind";
    if (result.error) return result;
    if (request.max_value != 0 && answer.value.size() > request.max_value) {
        result.error = errc::value_too_large;
        return result;
    }
    result.value = answer.value;
    if (answer.lifetime_ns) {
        constexpr auto most = static_cast<std::uint64_t>(Duration::max().count());
        result.lifetime = Duration(static_cast<std::int64_t>(std::min(*answer.lifetime_ns, most)));
    }
    if (answer.expires_ns) result.expires = WallTime(Duration(*answer.expires_ns));
    return result;
}

}  // namespace

class Client::Reader final : public Channel::Owner, public std::enable_shared_from_this<Reader> {
public:
    Reader(const std::shared_ptr<Client>& client, const std::shared_ptr<Channel>& channel)
        : client_(client),
          channel_(channel),
          period_(client->options_.idle_timeout / looks),
          timer_(channel->executor())
    {
    }

    /// On the strand.
    void watch_idleness()
    {
        timer_.expires_after(period_);
        timer_.async_wait([weak = weak_from_this()](error_code error) {
            if (const auto self = weak.lock(); self && !error) self->look();
        });
    }

private:
    bool received(std::string_view message) override
    {
        const auto client = client_.lock();
        return !client || client->received(message);
    }

    void ended(error_code error) override
    {
        timer_.cancel();
        if (const auto client = client_.lock()) client->channel_ended(error);
    }

    void look()
    {
        const auto client = client_.lock();
        const auto channel = channel_.lock();
        if (!client || !channel) return;
        {
            const std::lock_guard lock(client->mutex_);
            const bool used = started_ != std::exchange(started_, client->started_);
            quiet_ = used || !client->jobs_.empty() ? 0 : quiet_ + 1;
            if (quiet_ >= looks) {
                // From now on requests wait for the next one.
                client->state_ = State::closing;
            }
        }
        if (quiet_ >= looks) return channel->close();
        watch_idleness();
    }

    const std::weak_ptr<Client> client_;
    const std::weak_ptr<Channel> channel_;
    const Duration period_;
    asio::steady_timer timer_;
    std::uint64_t started_ = 0;
    unsigned quiet_ = 0;
};

Client::Client(ClientOptions options, std::shared_ptr<Opener> opener,
               std::shared_ptr<RemoteFetcher> plain, asio::any_io_executor executor)
    : Enrolment(executor),
      options_(options),
      opener_(std::move(opener)),
      plain_(std::move(plain)),
      executor_(std::move(executor))
{
}

Client::~Client()
{
    leave([this] { executor_ = {}; });
}

// Requests

void Client::start(const FetchRequest& request, FetchHandler handler)
{
    {
        const std::lock_guard lock(mutex_);
        if (!executor_) return;
        if (closed_) return post_end(std::move(handler), errc::closed);
        if (!goes_plain(request)) {
            ++started_;
            Job& job = jobs_[request.id] = Job{.request = request, .handler = std::move(handler)};
            if (request.timeout > Duration::zero()) job.deadline = Clock::now() + request.timeout;
            if (state_ == State::open && has_room(request.verb)) return send(job);
            line_.push_back(request.id);
            if (state_ == State::closed) open();
            return;
        }
    }
    plain_->start(request, std::move(handler));
}

/// A peek is answered at once, and is how a universe asks whether a peer lives that is long about
/// its loads: it must not wait behind these.
bool Client::has_room(Verb verb) const
{
    return in_flight_ < options_.window + (verb == Verb::peek ? spare_for_peeks : 0);
}

bool Client::goes_plain(const FetchRequest& request)
{
    if (request.verb != Verb::fetch && request.verb != Verb::peek) return true;
    if (request.key.size() > Channel::message_size) return true;
    if (!refused_ || state_ == State::open) return false;
    // Who did not want one is asked again now and then, and nobody waits for what it says.
    if (state_ == State::closed && Clock::now() >= ask_again_at_) open();
    return true;
}

void Client::send(Job& job)
{
    const FetchRequest& wanted = job.request;
    if (wanted.digest != digest_) {
        digest_ = wanted.digest;
        append_ring(frames_, digest_);
    }
    append_request(frames_, wanted.verb == Verb::fetch ? Kind::fetch : Kind::peek,
                   {.id = wanted.id,
                    .timeout_ms = milliseconds_until(job.deadline),
                    .galaxy = wanted.galaxy,
                    .key = wanted.key,
                    .trace = wanted.trace});
    job.sent = true;
    ++in_flight_;
    channel_->send(frames_);
}

void Client::send_waiting()
{
    while (!line_.empty() && in_flight_ < options_.window) {
        const auto found = jobs_.find(line_.front());
        line_.pop_front();
        if (found != jobs_.end() && !found->second.sent) send(found->second);
    }
}

void Client::cancel(std::uint64_t id)
{
    {
        const std::lock_guard lock(mutex_);
        const auto found = jobs_.find(id);
        if (found != jobs_.end()) {
            Job& job = found->second;
            if (!job.handler) return;
            post_end(std::move(job.handler), asio::error::operation_aborted);
            if (!job.sent) {
                jobs_.erase(found);
            } else if (state_ == State::open) {
                append_cancel(frames_, id);
                channel_->send(frames_);
                // Who never answers must not fill the window with what nobody waits for.
                if (++abandoned_ == options_.window) channel_->close();
            }
            return;
        }
    }
    plain_->cancel(id);
}

void Client::post_end(FetchHandler handler, error_code error)
{
    asio::post(executor_, [handler = std::move(handler), error] {
        FetchResult result;
        result.error = error;
        handler->done(std::move(result));
    });
}

// Connections

void Client::open()
{
    state_ = State::opening;
    opener_->open(asio::make_strand(executor_), [weak = weak_from_this()](Opened outcome) {
        if (const auto self = weak.lock()) self->opened_or_not(std::move(outcome));
    });
}

void Client::opened_or_not(Opened outcome)
{
    // Made and destroyed without our mutex: the roster's lock, which both take, comes before it.
    std::shared_ptr<Channel> channel;
    if (outcome.socket)
        channel = std::make_shared<Channel>(std::move(outcome.socket), Channel::Reading::always);
    Jobs failed;
    {
        const std::lock_guard lock(mutex_);
        state_ = State::closed;
        if (closed_ || !executor_) return;
        if (channel) {
            begin(channel);
        } else if (outcome.error) {
            failed = take_waiting();
        } else {
            refused_ = true;
            ask_again_at_ = Clock::now() + options_.ask_again;
            go_plain(take_waiting());
        }
    }
    for (const Job& job : failed) {
        FetchResult result;
        result.error = outcome.error;
        result.detail = outcome.detail;
        job.handler->done(std::move(result));
    }
}

void Client::begin(const std::shared_ptr<Channel>& channel)
{
    channel_ = channel;
    const auto reader = std::make_shared<Reader>(shared_from_this(), channel);
    reader->watch_idleness();
    channel->start(reader);
    state_ = State::open;
    refused_ = false;
    ++opened_;
    digest_.clear();
    send_waiting();
}

Client::Jobs Client::take_waiting()
{
    Jobs taken;
    for (const std::uint64_t id : std::exchange(line_, {})) {
        const auto found = jobs_.find(id);
        if (found == jobs_.end() || found->second.sent) continue;
        taken.push_back(std::move(found->second));
        jobs_.erase(found);
    }
    return taken;
}

/// With the mutex held, so that who cancels meanwhile finds them here or there.
void Client::go_plain(const Jobs& jobs)
{
    for (const Job& job : jobs) plain_->start(job.request, job.handler);
}

void Client::channel_ended(error_code error)
{
    Jobs failed;
    {
        const std::lock_guard lock(mutex_);
        channel_.reset();
        state_ = State::closed;
        failed = take_broken(error != errc::protocol_error);
        if (!line_.empty() && !closed_ && executor_) open();
    }
    for (const Job& job : failed) {
        FetchResult result;
        result.error = error == errc::protocol_error ? errc::protocol_error : errc::peer_reset;
        result.detail = "the stream ended: " + error.message();
        job.handler->done(std::move(result));
    }
}

/// Those that were on their way; the ones that are worth another try go back into the line.
Client::Jobs Client::take_broken(bool worth_another_try)
{
    Jobs broken;
    in_flight_ = 0;
    abandoned_ = 0;
    for (auto job = jobs_.begin(); job != jobs_.end();) {
        if (!job->second.sent) {
            ++job;
        } else if (job->second.handler && worth_another_try && !job->second.again) {
            job->second.again = true;
            job->second.sent = false;
            line_.push_front(job->first);
            ++job;
        } else {
            if (job->second.handler) broken.push_back(std::move(job->second));
            jobs_.erase(job++);
        }
    }
    return broken;
}

// Answers

bool Client::received(std::string_view message)
{
    struct Ended {
        Job job;
        Answer answer;
    };
    std::vector<Ended> ended;
    Jobs by_plain;
    bool good = !message.empty();
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return true;
        while (good && !message.empty()) {
            const std::optional<Frame> frame = take_frame(message);
            const auto answer = frame && frame->kind == Kind::answer ? read_answer(frame->body)
                                                                     : std::optional<Answer>();
            const auto found = answer ? jobs_.find(answer->id) : jobs_.end();
            // Each request is answered once; whatever else comes is not for us to guess.
            good = found != jobs_.end() && found->second.sent;
            if (!good) break;
            Job job = std::move(found->second);
            jobs_.erase(found);
            --in_flight_;
            if (!job.handler) {
                --abandoned_;
                continue;
            }
            if (answer->status == Status::ask_by_http) {
                by_plain.push_back(std::move(job));
            } else {
                ended.push_back({std::move(job), *answer});
            }
        }
        if (good) send_waiting();
        go_plain(by_plain);
    }
    for (const Ended& one : ended) one.job.handler->done(result_of(one.answer, one.job.request));
    return good;
}

// The end

void Client::close()
{
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true) || !executor_) return;
    for (auto& [id, job] : jobs_) {
        if (job.handler) post_end(std::move(job.handler), errc::closed);
    }
    jobs_.clear();
    line_.clear();
    if (channel_) channel_->close();
}

std::size_t Client::connections() const noexcept
{
    const std::lock_guard lock(mutex_);
    return state_ == State::closed ? 0 : 1;
}

std::uint64_t Client::reconnects() const noexcept
{
    const std::lock_guard lock(mutex_);
    return opened_ > 0 ? opened_ - 1 : 0;
}

void Client::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    garbage.take(std::exchange(executor_, {}));
    garbage.take(std::exchange(channel_, nullptr));
    garbage.take(std::exchange(jobs_, {}));
    state_ = State::closed;
}

}  // namespace galaxy::http::stream

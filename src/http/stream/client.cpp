// SPDX-License-Identifier: BSL-1.0
#include "http/stream/client.hpp"

#include "http/stream/frame.hpp"

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

/// Fewer requests are not worth a message of their own.
constexpr std::size_t least_of_a_burst = 16;

/// As the wire says it: zero where there is no deadline, and at least one.
std::uint32_t milliseconds_until(std::chrono::steady_clock::time_point deadline,
                                 std::chrono::steady_clock::time_point now)
{
    if (deadline == std::chrono::steady_clock::time_point::max()) return 0;
    const auto left = deadline - now;
    const std::int64_t rounded_up = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(rounded_up, 1, most));
}

/// `message` is what the answer views.
FetchResult result_of(const Answer& answer, const FetchRequest& request,
                      const std::shared_ptr<const void>& message)
{
    FetchResult result;
    result.error = error_of(answer.status);
    result.draining = answer.draining;
    if (result.error) {
        if (result.error == errc::protocol_error) result.detail = "an answer of an unknown kind";
        return result;
    }
    if (request.max_value != 0 && answer.value.size() > request.max_value) {
        result.error = errc::value_too_large;
        return result;
    }
    result.value = FetchedBytes(answer.value, message);
    if (answer.lifetime_ns) {
        constexpr auto most = static_cast<std::uint64_t>(Duration::max().count());
        result.lifetime = Duration(static_cast<std::int64_t>(std::min(*answer.lifetime_ns, most)));
    }
    if (answer.expires_ns) result.expires = WallTime(Duration(*answer.expires_ns));
    return result;
}

/// A copy of a message, which its values share: that costs less than a copy of each.
std::shared_ptr<const char[]> shared(std::string_view message)
{
    std::shared_ptr<char[]> copy = std::make_shared_for_overwrite<char[]>(message.size());
    std::ranges::copy(message, copy.get());
    return copy;
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
            quiet_ = used || !client->ledger_.empty() ? 0 : quiet_ + 1;
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
      executor_(std::move(executor)),
      ledger_(options.window),
      refusal_(options.ask_again, options.ask_again_soon)
{
}

Client::~Client()
{
    leave([this] { executor_ = {}; });
}

// Requests

void Client::start(std::span<FetchStart> requests)
{
    const Clock::time_point now = Clock::now();
    std::vector<FetchStart> by_plain;
    {
        const std::lock_guard lock(mutex_);
        if (!executor_) return;
        // All in one message, this side would sleep while the other works, and the other way round,
        // with the time that each takes to wake up on top. So no message has more than half of what
        // is under way: one is being served while another is on its way.
        const std::size_t half =
            std::max(least_of_a_burst, (ledger_.in_flight() + requests.size() + 1) / 2);
        for (FetchStart& one : requests) {
            if (closed_) {
                post_end(std::move(one.handler), errc::closed);
            } else if (goes_plain(*one.request)) {
                by_plain.push_back(std::move(one));
            } else {
                take(std::move(one), now);
            }
            if (gathered_ >= half) flush(Channel::Company::none);
        }
        flush();
    }
    // Without one left to start, the caller may have been answered, and have let go of us.
    if (!by_plain.empty()) plain_->start_many(by_plain);
}

void Client::take(FetchStart one, Clock::time_point now)
{
    Job& job = ledger_.add(std::move(one), now);
    ++started_;
    if (state_ == State::open && ledger_.has_room(job.request.verb)) return send(job, now);
    ledger_.put_in_line(job);
    if (state_ == State::closed) open();
}

bool Client::goes_plain(const FetchRequest& request)
{
    if (request.verb != Verb::fetch && request.verb != Verb::peek) return true;
    if (request.key.size() > Channel::message_size) return true;
    if (!refusal_.stands() || state_ == State::open) return false;
    // Who did not want one is asked again now and then, and nobody waits for what it says.
    if (state_ == State::closed && refusal_.may_ask_again(Clock::now())) open();
    return true;
}

void Client::send(Job& job, Clock::time_point now)
{
    const FetchRequest& wanted = job.request;
    if (wanted.digest != digest_) {
        digest_ = wanted.digest;
        append_ring(frames_, digest_);
    }
    append_request(frames_, wanted.verb == Verb::fetch ? Kind::fetch : Kind::peek,
                   {.id = wanted.id,
                    .timeout_ms = milliseconds_until(job.deadline, now),
                    .galaxy = wanted.galaxy,
                    .key = wanted.key,
                    .trace = wanted.trace});
    ledger_.sent(job);
    ++gathered_;
    if (frames_.size() >= Channel::message_size) flush();
}

void Client::send_waiting()
{
    if (!ledger_.has_line()) return;
    const Clock::time_point now = Clock::now();
    while (Job* next = ledger_.take_next()) send(*next, now);
    flush();
}

void Client::flush(Channel::Company company)
{
    gathered_ = 0;
    if (!frames_.empty()) channel_->send(frames_, company);
}

void Client::cancel(std::uint64_t id)
{
    {
        const std::lock_guard lock(mutex_);
        if (Job* job = ledger_.find(id)) {
            if (!job->handler) return;
            post_end(std::move(job->handler), asio::error::operation_aborted);
            if (!job->sent) return ledger_.erase(id);
            const bool bearable = ledger_.abandon();
            if (state_ != State::open) return;
            append_cancel(frames_, id);
            flush();
            // Who never answers must not fill the window with what nobody waits for.
            if (bearable) return;
            state_ = State::closing;
            return channel_->close();
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
    Jobs line;
    {
        const std::lock_guard lock(mutex_);
        state_ = State::closed;
        if (closed_ || !executor_) return;
        if (channel) return begin(channel);
        line = ledger_.take_line();
        if (!outcome.error) {
            refusal_.refused(outcome.declined, Clock::now());
            go_plain(line);
        }
    }
    if (!outcome.error) return;
    for (const Job& job : line) {
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
    refusal_.agreed();
    ++opened_;
    digest_.clear();
    send_waiting();
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
        failed = ledger_.take_broken(error != errc::protocol_error);
        if (ledger_.has_line() && !closed_ && executor_) open();
    }
    for (const Job& job : failed) {
        FetchResult result;
        result.error = error == errc::protocol_error ? errc::protocol_error : errc::peer_reset;
        result.detail = "the stream ended: " + error.message();
        job.handler->done(std::move(result));
    }
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
    const std::shared_ptr<const char[]> kept = shared(message);
    message = {kept.get(), message.size()};
    bool good = !message.empty();
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return true;
        while (good && !message.empty()) {
            const std::optional<Frame> frame = take_frame(message);
            const auto answer = frame && frame->kind == Kind::answer ? read_answer(frame->body)
                                                                     : std::optional<Answer>();
            std::optional<Job> job = answer ? ledger_.take_answered(answer->id) : std::nullopt;
            // Each request is answered once; whatever else comes is not for us to guess.
            good = job.has_value();
            if (!good || !job->handler) continue;
            if (answer->status == Status::ask_by_http) {
                by_plain.push_back(std::move(*job));
            } else {
                ended.push_back({std::move(*job), *answer});
            }
        }
        if (good) send_waiting();
        go_plain(by_plain);
    }
    for (const auto& [job, answer] : ended) job.handler->done(result_of(answer, job.request, kept));
    return good;
}

// The end

void Client::close()
{
    Jobs jobs;
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true) || !executor_) return;
    jobs = ledger_.take();
    for (Job& job : jobs) {
        if (job.handler) post_end(std::move(job.handler), errc::closed);
    }
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
    garbage.take(ledger_.take());
    state_ = State::closed;
}

}  // namespace galaxy::http::stream

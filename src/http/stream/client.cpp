// SPDX-License-Identifier: BSL-1.0
#include "http/stream/client.hpp"

#include "http/sockets.hpp"
#include "http/stream/hearing.hpp"
#include "http/stream/no_memory.hpp"
#include "http/stream/outcome.hpp"
#include "runtime/serial.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

namespace galaxy::http::stream {

namespace asio = boost::asio;

namespace {

/// A stream that has not been used for so many looks in a row is closed.
constexpr unsigned looks = 4;

/// Fewer requests are not worth a message of their own.
constexpr std::size_t least_of_a_burst = 16;

std::string reason(boost::system::error_code error)
{
    return error == not_taken() ? "the peer takes nothing of what it is sent" : error.message();
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
            try {
                if (!begin(one, now)) by_plain.push_back(std::move(one));
            } catch (const std::bad_alloc&) {
                if (one.handler) post_end(std::move(one.handler), errc::busy);
            }
            if (batch_.requests() >= half) flush(Channel::Company::none);
        }
        flush();
    }
    // Without one left to start, the caller may have been answered, and have let go of us.
    if (!by_plain.empty()) plain_->start_many(by_plain);
}

/// False where it is not for this stream. Where there is no memory it keeps its handler.
bool Client::begin(FetchStart& one, Clock::time_point now)
{
    if (closed_) {
        post_end(std::move(one.handler), errc::closed);
        return true;
    }
    if (goes_plain(*one.request)) return false;
    take(one, now);
    return true;
}

void Client::take(FetchStart& one, Clock::time_point now)
{
    Job& job = ledger_.add(one, now);
    ++started_;
    try {
        if (state_ == State::open && ledger_.has_room(job.request.verb)) return send(job, now);
        ledger_.put_in_line(job);
        if (state_ == State::closed) open();
    } catch (const std::bad_alloc&) {
        one.handler = std::move(job.handler);
        ledger_.erase(one.request->id);
        throw;
    }
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
    batch_.add(job, now);
    ledger_.sent(job);
    if (batch_.size() >= Channel::message_size) flush();
}

void Client::send_waiting()
{
    if (!ledger_.has_line() || state_ != State::open) return;
    const Clock::time_point now = Clock::now();
    while (Job* next = ledger_.take_next()) send(*next, now);
    flush();
}

void Client::flush(Channel::Company company)
{
    if (batch_.size() > 0) channel_->send(batch_.frames(), company);
}

void Client::cancel(std::uint64_t id)
{
    {
        const std::lock_guard lock(mutex_);
        if (Job* job = ledger_.find(id)) {
            if (!job->handler) return;
            FetchHandler handler = std::move(job->handler);
            if (job->sent) {
                job->gathered.reset();
                give_up(id);
            } else {
                ledger_.erase(id);
            }
            return post_end(std::move(handler), asio::error::operation_aborted);
        }
    }
    plain_->cancel(id);
}

/// Nobody waits any more for what was sent.
void Client::give_up(std::uint64_t id)
{
    const bool bearable = ledger_.abandon();
    if (state_ != State::open) return;
    try {
        batch_.add_cancel(id);
        flush();
    } catch (const std::bad_alloc&) {
        // The peer answers in vain.
    }
    // Who never answers must not fill the window with what nobody waits for.
    if (bearable) return;
    state_ = State::closing;
    channel_->close();
}

void Client::post_end(FetchHandler handler, error_code error)
{
    post_reserving(executor_,
                   [handler = std::move(handler), error] { handler->done(failed_by(error)); });
}

// Connections

void Client::open()
{
    opener_->open(strand_over(executor_), [weak = weak_from_this()](Opened outcome) {
        if (const auto self = weak.lock()) self->opened_or_not(std::move(outcome));
    });
    state_ = State::opening;
}

void Client::opened_or_not(Opened outcome)
{
    std::shared_ptr<Channel> channel;
    try {
        // Made and destroyed without our mutex: the roster's lock, which both take, comes before
        // it.
        if (outcome.socket) {
            channel = std::make_shared<Channel>(std::move(outcome.socket), Channel::Reading::always,
                                                options_.silence);
        }
        settle(outcome, channel);
    } catch (const std::bad_alloc&) {
        if (channel) channel->fail_for_memory();
        if (is_channel(channel)) drop_all();
    }
}

bool Client::is_channel(const std::shared_ptr<Channel>& channel) const
{
    const std::lock_guard lock(mutex_);
    return channel_ == channel;
}

void Client::settle(Opened& outcome, const std::shared_ptr<Channel>& channel)
{
    Jobs line;
    {
        const std::lock_guard lock(mutex_);
        state_ = State::closed;
        if (closed_ || !executor_) return;
        if (channel) return begin(channel);
        try {
            ledger_.take_line(line);
        } catch (const std::bad_alloc&) {
            outcome.error = no_memory();
        }
        if (!outcome.error) {
            refusal_.refused(outcome.declined, Clock::now());
            go_plain(line);
        }
    }
    if (!outcome.error) return;
    const bool starving = outcome.error == no_memory();
    if (starving) outcome.error = errc::busy;
    for (const Job& job : line) {
        end(*job.handler, [&] { return failed_by(outcome.error, outcome.detail); });
    }
    if (starving) drop_all();
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
    send_waiting();
}

/// With the mutex held, so that who cancels meanwhile finds them here or there.
void Client::go_plain(Jobs& jobs)
{
    for (Job& job : jobs) {
        try {
            plain_->start(job.request, job.handler);
        } catch (const std::bad_alloc&) {
            post_end(std::move(job.handler), errc::busy);
        }
    }
}

/// With the mutex held. What was gathered for it is not for the next.
void Client::let_go_of_channel() noexcept
{
    channel_.reset();
    state_ = State::closed;
    batch_.start_anew();
}

void Client::channel_ended(error_code error)
{
    if (error == no_memory()) return drop_all();
    Jobs failed;
    try {
        const std::lock_guard lock(mutex_);
        let_go_of_channel();
        ledger_.take_broken(error != errc::protocol_error, failed);
        if (ledger_.has_line() && !closed_ && executor_) open();
    } catch (const std::bad_alloc&) {
        drop_all();
    }
    const errc why = error == errc::protocol_error ? errc::protocol_error
                     : is_shortage(error)          ? errc::busy
                                                   : errc::peer_reset;
    for (const Job& job : failed) {
        end(*job.handler, [&] { return failed_by(why, "the stream ended: " + reason(error)); });
    }
}

/// Without a stream and without memory: whatever waits ends.
void Client::drop_all()
{
    {
        const std::lock_guard lock(mutex_);
        let_go_of_channel();
    }
    for (;;) {
        std::optional<Job> job;
        {
            const std::lock_guard lock(mutex_);
            job = ledger_.take_one();
        }
        if (!job) return;
        if (job->handler) end(*job->handler, [] { return starved(); });
    }
}

// Answers

bool Client::received(std::string_view message)
{
    if (message.empty()) return false;
    Hearing heard(message);
    bool good = true;
    bool enough_memory = true;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return true;
        try {
            good = heard.hear(ledger_, [this](std::uint64_t id) { give_up(id); });
            if (good) send_waiting();
        } catch (const std::bad_alloc&) {
            enough_memory = false;
        }
        go_plain(heard.by_plain());
    }
    heard.tell();
    if (!enough_memory) throw std::bad_alloc();
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
    if (state_ == State::opening) opener_->close();
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
    while (std::optional<Job> job = ledger_.take_one()) garbage.take(std::move(*job));
    state_ = State::closed;
}

}  // namespace galaxy::http::stream

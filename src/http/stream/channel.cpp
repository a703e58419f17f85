// SPDX-License-Identifier: BSL-1.0
#include "http/stream/channel.hpp"

#include "http/guarded.hpp"
#include "http/stream/no_memory.hpp"
#include "quietly.hpp"
#include "runtime/serial.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/system/errc.hpp>

#include <functional>
#include <new>
#include <utility>

namespace galaxy::http::stream {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;

void prepare(WebSocket& socket, Duration handshake, Duration silence, std::size_t max_message)
{
    websocket::stream_base::timeout limits{};
    limits.handshake_timeout = handshake;
    limits.idle_timeout = silence;
    limits.keep_alive_pings = true;
    socket.set_option(limits);
    socket.binary(true);
    socket.auto_fragment(false);
    socket.write_buffer_bytes(Channel::message_size);
    socket.read_message_max(max_message);
    // Masks keep proxies from taking a stream for something else; these are nobody's secret.
    socket.secure_prng(false);
}

boost::system::error_code not_taken() noexcept
{
    return make_error_code(boost::system::errc::stream_timeout);
}

Channel::Channel(std::unique_ptr<WebSocket> socket, Reading reading, Duration silence)
    : Enrolment(socket->get_executor()),
      reading_(reading),
      between_looks_(silence / Pace::looks),
      executor_(socket->get_executor()),
      next_look_(std::make_unique<asio::steady_timer>(executor_)),
      socket_(std::move(socket))
{
}

Channel::~Channel()
{
    leave([this] {
        next_look_.reset();
        socket_.reset();
        executor_ = {};
    });
}

/// Where the step finds no memory, the channel ends.
template <class Step>
void Channel::attempt(Step&& step)
{
    try {
        std::invoke(step, *this);
    } catch (const std::bad_alloc&) {
        fail_for_memory();
    }
}

void Channel::count_for(std::shared_ptr<Holdings::Holder> holder) noexcept
{
    held_.charge(std::move(holder));
}

void Channel::start(std::shared_ptr<Owner> owner)
{
    owner_ = std::move(owner);
    const std::lock_guard lock(mutex_);
    try {
        post_reserving(executor_, [self = shared_from_this()] { self->attempt(&Channel::begin); });
    } catch (const std::bad_alloc&) {
        owner_.reset();
        throw;
    }
}

void Channel::begin()
{
    look();
    read();
}

void Channel::look()
{
    const Progress now = socket_->next_layer().progress();
    error_code why;
    {
        const std::lock_guard lock(mutex_);
        awaits_look_ = false;
        if (over_) return;
        if (pace_.stalls(writing_, now)) why = not_taken();
        if (starved_) why = no_memory();
    }
    if (why) return fail(why);
    await_next_look();
}

/// Without the mutex, as what finds no memory to wait takes it.
void Channel::await_next_look()
{
    next_look_->expires_after(between_looks_);
    next_look_->async_wait(
        Guarded(shared_from_this(), [](Channel& self, error_code) { self.look(); }));
    const std::lock_guard lock(mutex_);
    awaits_look_ = true;
    if (starved_ || over_) next_look_->cancel();
}

// Writing

void Channel::send(std::string& frames, Company company) noexcept
{
    const std::lock_guard lock(mutex_);
    if (over_ || closing_ || starved_ || !executor_ || frames.empty()) return frames.clear();
    try {
        queue(frames, company);
        if (writing_) return;
        seen_ = queued_;
        post_writer();
        writing_ = true;
    } catch (const std::bad_alloc&) {
        frames.clear();
        cut();
    }
}

/// With the mutex held.
void Channel::queue(std::string& frames, Company company)
{
    const std::size_t size = frames.size();
    if (queue_.empty() || company == Company::none || queue_.back().size() + size > message_size) {
        queue_.emplace_back().swap(frames);
        frames.swap(spare_);
    } else {
        queue_.back() += frames;
        frames.clear();
    }
    queued_ += size;
}

/// With the mutex held. Nothing can be posted: but a look is being waited for, and to end that
/// takes no memory.
void Channel::cut() noexcept
{
    starved_ = true;
    if (awaits_look_) next_look_->cancel();
}

/// With the mutex held.
void Channel::post_writer()
{
    post_reserving(executor_, [self = shared_from_this()] { self->attempt(&Channel::write_soon); });
}

void Channel::write_soon()
{
    std::string message;
    bool last = false;
    {
        const std::lock_guard lock(mutex_);
        if (over_) return;
        if (queued_ != std::exchange(seen_, queued_) && ++turns_ < most_turns) {
            return post_writer();
        }
        turns_ = 0;
        message = take_message(last);
    }
    write(std::move(message), last);
}

/// With the mutex held.
std::string Channel::take_message(bool& last)
{
    std::string message = std::move(queue_.front());
    queue_.pop_front();
    queued_ -= message.size();
    last = queue_.empty();
    return message;
}

void Channel::write(std::string message, bool last)
{
    outgoing_ = std::move(message);
    socket_->async_write(
        asio::buffer(outgoing_),
        Guarded(shared_from_this(), [](Channel& self, error_code error, std::size_t size) {
            if (error) return self.fail(error);
            self.written(size);
        }));
    // While this is under way there is time to make the next.
    const std::shared_ptr<Owner> owner = owner_;
    if (last && owner) owner->drained();
}

void Channel::written(std::size_t size)
{
    std::string next;
    bool last = false;
    bool lagging = false;
    bool leaving = false;
    {
        const std::lock_guard lock(mutex_);
        if (over_) return;
        if (outgoing_.size() <= 2 * message_size) {
            outgoing_.clear();
            spare_ = std::move(outgoing_);
        }
        if (queue_.empty()) {
            writing_ = false;
            leaving = closing_;
        } else {
            next = take_message(last);
        }
        lagging = queued_ > most_queued / 2;
    }
    if (!next.empty()) write(std::move(next), last);
    count_held();
    if (const std::shared_ptr<Owner> owner = owner_) owner->taken(size);
    if (leaving) say_goodbye();
    if (!lagging && std::exchange(paused_, false)) read();
}

bool Channel::is_sending() const
{
    const std::lock_guard lock(mutex_);
    return writing_;
}

std::size_t Channel::queued() const
{
    const std::lock_guard lock(mutex_);
    return queued_;
}

/// Without the mutex, as others may have to give way to what it holds, or this very one.
void Channel::count_held() noexcept
{
    std::size_t waiting = 0;
    {
        const std::lock_guard lock(mutex_);
        waiting = queued_ + spare_.capacity();
    }
    held_.set(waiting + outgoing_.capacity() + incoming_.capacity());
}

// Reading

void Channel::read()
{
    if (!owner_) return;
    if (reading_ == Reading::unless_answers_pile_up && queued() > most_queued) {
        paused_ = true;
        return;
    }
    read_some();
}

/// Of a message, which may come in many pieces: each is counted as it comes.
void Channel::read_some()
{
    socket_->async_read_some(
        incoming_, message_size,
        Guarded(shared_from_this(),
                [](Channel& self, error_code error, std::size_t) { self.read_more(error); }));
}

void Channel::read_more(error_code error)
{
    if (error == websocket::error::closed) return fail(asio::error::eof);
    if (error == websocket::condition::protocol_violation) return fail(errc::protocol_error);
    if (error) return fail(error);
    if (!owner_) return;
    count_held();
    if (!socket_->is_message_done()) return read_some();
    if (!socket_->got_binary()) return fail(errc::protocol_error);
    const auto bytes = incoming_.cdata();
    const std::shared_ptr<Owner> owner = owner_;
    if (!owner->received({static_cast<const char*>(bytes.data()), bytes.size()})) {
        return fail(errc::protocol_error);
    }
    incoming_.consume(incoming_.size());
    if (incoming_.capacity() > message_size) incoming_.shrink_to_fit();
    count_held();
    read();
}

// The end

void Channel::close() noexcept
{
    const std::lock_guard lock(mutex_);
    if (over_ || !executor_ || std::exchange(closing_, true)) return;
    if (writing_) return;
    try {
        post_reserving(executor_,
                       [self = shared_from_this()] { self->attempt(&Channel::say_goodbye); });
    } catch (const std::bad_alloc&) {
        cut();
    }
}

void Channel::give_way() noexcept
{
    const std::lock_guard lock(mutex_);
    if (over_ || !executor_) return;
    try {
        post_reserving(executor_, [self = shared_from_this()] { self->fail_for_memory(); });
    } catch (const std::bad_alloc&) {
        cut();
    }
}

void Channel::say_goodbye()
{
    if (!owner_) return;
    socket_->async_close(websocket::close_code::normal,
                         Guarded(shared_from_this(), [](Channel& self, error_code error) {
                             self.fail(error ? error : asio::error::eof);
                         }));
}

void Channel::fail(error_code error)
{
    const std::shared_ptr<Owner> owner = std::exchange(owner_, nullptr);
    if (!owner) return;
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
        queue_.clear();
        queued_ = 0;
        if (awaits_look_) next_look_->cancel();
    }
    held_.set(0);
    socket_->next_layer().close();
    owner->ended(error);
}

void Channel::fail_for_memory() noexcept
{
    quietly(
        [this] { fail(no_memory()); });  // the owner may have none either: it is over all the same
}

void Channel::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    over_ = true;
    garbage.take(std::exchange(executor_, {}));
    garbage.take(std::move(next_look_));
    garbage.take(std::move(socket_));
    garbage.take(std::exchange(owner_, nullptr));
}

}  // namespace galaxy::http::stream

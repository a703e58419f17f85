// SPDX-License-Identifier: BSL-1.0
#include "http/stream/channel.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

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

Channel::Channel(std::unique_ptr<WebSocket> socket, Reading reading)
    : Enrolment(socket->get_executor()),
      reading_(reading),
      executor_(socket->get_executor()),
      socket_(std::move(socket))
{
}

Channel::~Channel()
{
    leave([this] {
        socket_.reset();
        executor_ = {};
    });
}

void Channel::start(std::shared_ptr<Owner> owner)
{
    owner_ = std::move(owner);
    const std::lock_guard lock(mutex_);
    asio::post(executor_, [self = shared_from_this()] { self->read(); });
}

// Writing

void Channel::send(std::string& frames, Company company)
{
    const std::lock_guard lock(mutex_);
    if (over_ || closing_ || !executor_ || frames.empty()) return frames.clear();
    queued_ += frames.size();
    if (queue_.empty() || company == Company::none
        || queue_.back().size() + frames.size() > message_size) {
        queue_.push_back(std::exchange(frames, std::exchange(spare_, {})));
    } else {
        queue_.back() += frames;
        frames.clear();
    }
    if (std::exchange(writing_, true)) return;
    seen_ = queued_;
    post_writer();
}

/// With the mutex held.
void Channel::post_writer()
{
    asio::post(executor_, [self = shared_from_this()] { self->write_soon(); });
}

void Channel::write_soon()
{
    std::string message;
    {
        const std::lock_guard lock(mutex_);
        if (over_) return;
        if (queued_ != std::exchange(seen_, queued_) && ++turns_ < most_turns) {
            return post_writer();
        }
        turns_ = 0;
        message = std::move(queue_.front());
        queue_.pop_front();
        queued_ -= message.size();
    }
    write(std::move(message));
}

void Channel::write(std::string message)
{
    outgoing_ = std::move(message);
    socket_->async_write(asio::buffer(outgoing_),
                         [self = shared_from_this()](error_code error, std::size_t) {
                             if (error) return self->fail(error);
                             self->written();
                         });
}

void Channel::written()
{
    std::string next;
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
            next = std::move(queue_.front());
            queue_.pop_front();
            queued_ -= next.size();
        }
        lagging = queued_ > most_queued / 2;
    }
    if (!next.empty()) write(std::move(next));
    if (leaving) say_goodbye();
    if (!lagging && std::exchange(paused_, false)) read();
}

std::size_t Channel::queued() const
{
    const std::lock_guard lock(mutex_);
    return queued_;
}

// Reading

void Channel::read()
{
    if (!owner_) return;
    if (reading_ == Reading::unless_answers_pile_up && queued() > most_queued) {
        paused_ = true;
        return;
    }
    socket_->async_read(incoming_, [self = shared_from_this()](error_code error, std::size_t) {
        self->read_more(error);
    });
}

void Channel::read_more(error_code error)
{
    if (error == websocket::error::closed) return fail(asio::error::eof);
    if (error == websocket::condition::protocol_violation) return fail(errc::protocol_error);
    if (error) return fail(error);
    if (!owner_) return;
    if (!socket_->got_binary()) return fail(errc::protocol_error);
    const auto bytes = incoming_.cdata();
    const std::shared_ptr<Owner> owner = owner_;
    if (!owner->received({static_cast<const char*>(bytes.data()), bytes.size()})) {
        return fail(errc::protocol_error);
    }
    incoming_.consume(incoming_.size());
    read();
}

// The end

void Channel::close()
{
    const std::lock_guard lock(mutex_);
    if (over_ || !executor_ || std::exchange(closing_, true)) return;
    if (!writing_) asio::post(executor_, [self = shared_from_this()] { self->say_goodbye(); });
}

void Channel::say_goodbye()
{
    if (!owner_) return;
    socket_->async_close(websocket::close_code::normal,
                         [self = shared_from_this()](error_code error) {
                             self->fail(error ? error : asio::error::eof);
                         });
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
    }
    socket_->next_layer().close();
    owner->ended(error);
}

void Channel::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    over_ = true;
    garbage.take(std::exchange(executor_, {}));
    garbage.take(std::move(socket_));
    garbage.take(std::exchange(owner_, nullptr));
}

}  // namespace galaxy::http::stream

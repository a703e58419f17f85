// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/secure_stream.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

namespace galaxy::http {

/// One TCP connection, plain or under TLS: which, is decided at run time.
///
/// A stream in the sense of Beast, which can besides wait until something is readable without
/// reading it, and then take it without waiting. The plain half adds a branch to the socket and
/// nothing else: no allocation, no virtual call, no buffer while it waits. Under TLS nothing can be
/// seen without being read, so that waiting reads into a buffer of one record.
///
/// Everything on the socket's strand; one reader (a read or a wait), one writer. Movable while
/// nothing is under way: to hand a connection on, cancel the socket's operations first and await
/// their ends; what a wait has read by then moves along.
class Transport {
public:
    using executor_type = boost::asio::any_io_executor;
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;

    explicit Transport(const executor_type& executor) : plain_(executor) {}
    explicit Transport(tcp::socket socket) noexcept : plain_(std::move(socket)) {}

    const executor_type& get_executor() noexcept { return socket().get_executor(); }

    /// The connection itself: to connect, to set options, to cancel.
    tcp::socket& socket() noexcept { return secure_ ? secure_->socket() : plain_; }

    /// Null while plain.
    SecureStream* secure() const noexcept { return secure_.get(); }

    /// TLS from now on. `make` is given the socket and gives the stream made of it, with which to
    /// shake hands next.
    template <class Make>
    SecureStream& secure_with(Make&& make)
    {
        secure_ = std::forward<Make>(make)(std::move(plain_));
        return *secure_;
    }

    /// Under TLS: before anything else. The signature is `void(error_code)`.
    template <class Token>
    auto async_handshake(Token&& token)
    {
        return boost::asio::async_initiate<Token, void(error_code)>(Handshake{this}, token);
    }

    /// The signature is `void(error_code, std::size_t)`.
    template <class Buffers, class Token>
    auto async_read_some(const Buffers& room, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(Read{this}, token,
                                                                                 room);
    }

    /// The signature is `void(error_code, std::size_t)`.
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& bytes, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(Write{this}, token,
                                                                                 bytes);
    }

    /// Completes when `take` has something to say. The signature is `void(error_code)`.
    template <class Token>
    auto async_wait_readable(Token&& token)
    {
        return boost::asio::async_initiate<Token, void(error_code)>(Wait{this}, token);
    }

    /// Ends the sending half, orderly. Under TLS the other side's end is awaited too, for as long
    /// as that takes. The signature is `void(error_code)`.
    template <class Token>
    auto async_say_end(Token&& token)
    {
        return boost::asio::async_initiate<Token, void(error_code)>(End{this}, token);
    }

    /// Reads what has come, without waiting; `would_block` where nothing has. The socket must be
    /// non-blocking.
    std::size_t take(boost::asio::mutable_buffer room, error_code& error)
    {
        return secure_ ? secure_->take(room, error) : plain_.read_some(room, error);
    }

    /// Looks what the other side has done, without reading. Under TLS what lies in the system need
    /// not be bytes for us, and a part of a record that TLS has read from there is not seen.
    Seen look() noexcept;

    /// As `look`, and at what TLS has read from the system and keeps, which may be no whole record.
    Seen look_everywhere() noexcept;

    /// Whether bytes for us are known to have come. Under TLS those that lie in the system are not.
    bool has_bytes() noexcept;

    /// At once; what is under way ends with `operation_aborted`.
    void close() noexcept;

private:
    struct Handshake {
        Transport* self;
        template <class Handler>
        void operator()(Handler&& handler) const
        {
            self->secure_->handshake(SecureStream::Done(std::forward<Handler>(handler)));
        }
    };

    struct Read {
        Transport* self;
        template <class Handler, class Buffers>
        void operator()(Handler&& handler, const Buffers& room) const
        {
            if (!self->secure_)
                return self->plain_.async_read_some(room, std::forward<Handler>(handler));
            self->secure_->read(first(boost::asio::mutable_buffer(), room),
                                SecureStream::Moved(std::forward<Handler>(handler)));
        }
    };

    struct Write {
        Transport* self;
        template <class Handler, class Buffers>
        void operator()(Handler&& handler, const Buffers& bytes) const
        {
            if (!self->secure_)
                return self->plain_.async_write_some(bytes, std::forward<Handler>(handler));
            self->secure_->write(self->gather(bytes),
                                 SecureStream::Moved(std::forward<Handler>(handler)));
        }
    };

    struct Wait {
        Transport* self;
        template <class Handler>
        void operator()(Handler&& handler) const
        {
            if (!self->secure_)
                return self->plain_.async_wait(tcp::socket::wait_read,
                                               std::forward<Handler>(handler));
            self->secure_->fill(SecureStream::Done(std::forward<Handler>(handler)));
        }
    };

    struct End {
        Transport* self;
        template <class Handler>
        void operator()(Handler&& handler) const
        {
            self->say_end(SecureStream::Done(std::forward<Handler>(handler)));
        }
    };

    void say_end(SecureStream::Done handler);

    template <class Buffer, class Buffers>
    static Buffer first(Buffer otherwise, const Buffers& buffers)
    {
        auto at = boost::asio::buffer_sequence_begin(buffers);
        const auto end = boost::asio::buffer_sequence_end(buffers);
        for (; at != end; ++at) {
            if (const Buffer one(*at); one.size() > 0) return one;
        }
        return otherwise;
    }

    /// TLS makes a record, and a packet, of every piece: so small ones are put together.
    template <class Buffers>
    boost::asio::const_buffer gather(const Buffers& bytes)
    {
        constexpr std::size_t most = SecureStream::record_size;
        const boost::asio::const_buffer one = first(boost::asio::const_buffer(), bytes);
        if (one.size() >= most || one.size() == boost::asio::buffer_size(bytes)) return one;
        const boost::asio::mutable_buffer room(secure_->gathered(), most);
        return {room.data(), boost::asio::buffer_copy(room, bytes)};
    }

    tcp::socket plain_;                     // moved from, once there is
    std::shared_ptr<SecureStream> secure_;  // shared with what is under way on it
};

}  // namespace galaxy::http

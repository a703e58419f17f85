// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace galaxy::http {

/// What the other side of a connection has done: sent something that is not read yet, hung up, or
/// nothing.
enum class Seen : std::uint8_t { bytes, end, nothing };

/// A TCP connection under TLS, as `Transport` wants it: the only face that a TLS library shows.
///
/// One reader (`read` or `fill`), one writer, all on the strand of the socket. Operations keep the
/// stream alive, honour terminal cancellation, and never complete inline.
class SecureStream {
public:
    using error_code = boost::system::error_code;
    using Done = boost::asio::any_completion_handler<void(error_code)>;
    using Moved = boost::asio::any_completion_handler<void(error_code, std::size_t)>;

    virtual ~SecureStream() = default;

    virtual boost::asio::ip::tcp::socket& socket() noexcept = 0;

    virtual void handshake(Done handler) = 0;
    virtual void read(boost::asio::mutable_buffer room, Moved handler) = 0;
    virtual void write(boost::asio::const_buffer bytes, Moved handler) = 0;

    /// Says that no more is to come (close_notify) and waits for the same of the other side.
    virtual void shutdown(Done handler) = 0;

    /// Waits until there is something for `take`. An error means that the wait was cancelled.
    virtual void fill(Done handler) = 0;

    /// Takes what was read: bytes, or the error that reading ended with, or else `would_block`.
    virtual std::size_t take(boost::asio::mutable_buffer room, error_code& error) noexcept = 0;

    /// What `take` would find: bytes, or the end, or nothing yet.
    virtual Seen seen() const noexcept = 0;

    /// Whether more has come from the socket than `seen` knows of: what lies behind a record that
    /// was read, or a record that is not whole yet.
    virtual bool has_unread() noexcept = 0;

    /// Whether there are bytes to read in what has come from the socket.
    virtual bool has_bytes() noexcept = 0;

    /// Room of `record_size` bytes to gather in what is written, untouched until it is written.
    virtual char* gathered() = 0;
    static constexpr std::size_t record_size = std::size_t{16} << 10;

    /// Whether `error` was said by TLS (an alert, a bad certificate), and not by the network.
    virtual bool is_of_tls(error_code error) const noexcept = 0;

    /// `error` in words for the log, with what is wrong with the other side's certificate.
    virtual std::string explain(error_code error) = 0;

    /// Whether a certificate of the other side was shown and refused here.
    virtual bool refused_certificate() noexcept = 0;
};

}  // namespace galaxy::http

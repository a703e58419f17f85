// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/secure_stream.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/ssl/stream_base.hpp>

#include <memory>
#include <string>

namespace galaxy::http::openssl {

/// A connection under TLS by OpenSSL.
///
/// Only asynchronous operations of the stream below are used: its synchronous ones lose bytes
/// where a non-blocking socket takes only some of a record. An operation owns the stream, as Asio
/// refers to it until the operation has ended, and the context, which has the callbacks.
class Stream final : public SecureStream, public std::enable_shared_from_this<Stream> {
public:
    using Context = std::shared_ptr<boost::asio::ssl::context>;
    using Side = boost::asio::ssl::stream_base::handshake_type;

    /// Throws `std::bad_alloc` and nothing else.
    Stream(boost::asio::ip::tcp::socket socket, Context context, Side side);

    /// As a client: the certificate must be for `host`, a name or an address.
    void expect(const std::string& host);
    /// As a client: asks for the certificate of `host`, unless that is an address.
    void name(const std::string& host);

    boost::asio::ip::tcp::socket& socket() noexcept override { return stream_.next_layer(); }
    void handshake(Done handler) override;
    void read(boost::asio::mutable_buffer room, Moved handler) override;
    void write(boost::asio::const_buffer bytes, Moved handler) override;
    void shutdown(Done handler) override;
    void fill(Done handler) override;
    std::size_t take(boost::asio::mutable_buffer room, error_code& error) noexcept override;
    Seen seen() const noexcept override;
    bool has_unread() noexcept override;
    bool has_bytes() noexcept override;
    char* gathered() override;
    bool is_of_tls(error_code error) const noexcept override;
    std::string explain(error_code error) override;
    bool refused_certificate() noexcept override;

private:
    template <class Handler>
    auto here(Handler handler);
    template <class Handler>
    auto keeping(Handler handler);
    struct Read;
    struct Fill;
    void reading_ended(error_code error);

    const Context context_;
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
    const Side side_;
    std::unique_ptr<char[]> gathered_;
    std::unique_ptr<char[]> held_;  // one record, read by `fill`
    std::size_t held_from_ = 0;
    std::size_t held_to_ = 0;
    error_code end_;  // what reading ended with
};

}  // namespace galaxy::http::openssl

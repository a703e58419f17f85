// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/stream/pace.hpp"
#include "http/transport.hpp"

#include <galaxy/http/any_stream.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace galaxy::http::stream {

/// What carries a stream: a connection of ours, or one of somebody else's server. As Beast's
/// WebSocket wants it; everything on the strand.
class Carrier {
public:
    using executor_type = boost::asio::any_io_executor;
    using error_code = boost::system::error_code;

    explicit Carrier(const executor_type& strand) : own_(strand) {}

    // Implicit, since it is nothing but that.
    Carrier(Transport own) noexcept : own_(std::move(own)) {}

    explicit Carrier(std::shared_ptr<AnyStream> foreign)
        : own_(foreign->get_executor()), foreign_(std::move(foreign))
    {
    }

    const executor_type& get_executor() noexcept { return own_.get_executor(); }

    /// Ours; else one that is not connected.
    Transport& transport() noexcept { return own_; }

    // Called by composed operations alone, Beast's and Asio's: they take handlers, and no tokens.

    template <class Buffers, class Handler>
    void async_read_some(const Buffers& room, Handler&& handler)
    {
        if (!foreign_) return own_.async_read_some(room, std::forward<Handler>(handler));
        const auto first = boost::asio::buffer_sequence_begin(room);
        foreign_->async_read_some(boost::asio::mutable_buffer(*first),
                                  AnyStream::Moved(std::forward<Handler>(handler)));
    }

    template <class Buffers, class Handler>
    void async_write_some(const Buffers& bytes, Handler&& handler)
    {
        ++writes_;
        if (!foreign_) return own_.async_write_some(bytes, std::forward<Handler>(handler));
        AnyStream::Pieces pieces{};
        auto at = boost::asio::buffer_sequence_begin(bytes);
        const auto end = boost::asio::buffer_sequence_end(bytes);
        for (auto& piece : pieces) {
            if (at != end) piece = *at++;
        }
        foreign_->async_write_some(pieces, AnyStream::Moved(std::forward<Handler>(handler)));
    }

    /// How far what was written has come.
    Progress progress() noexcept
    {
        int untaken = 0;
        if (!foreign_) ::ioctl(own_.socket().native_handle(), SIOCOUTQ, &untaken);
        return {writes_, untaken};
    }

    /// At once; what is under way ends with an error.
    void close() noexcept { foreign_ ? foreign_->close() : own_.close(); }

private:
    Transport own_;
    std::shared_ptr<AnyStream> foreign_;
    std::uint64_t writes_ = 0;  ///< begun; each but the first when bytes of the one before had gone
};

// What Beast's WebSocket looks for.
inline void beast_close_socket(Carrier& carrier)
{
    carrier.close();
}

// How Beast ends a stream: after both sides' goodbyes, and where the other side broke the protocol.
// Nobody is waited for. Beast would wait until the other side ends the connection, which in the
// second case may be never, while requests hang on it.

inline void teardown(boost::beast::role_type, Carrier& carrier, boost::system::error_code& error)
{
    carrier.close();
    error = {};
}

template <class Handler>
void async_teardown(boost::beast::role_type, Carrier& carrier, Handler&& handler)
{
    carrier.close();
    boost::asio::post(carrier.get_executor(), boost::asio::append(std::forward<Handler>(handler),
                                                                  boost::system::error_code()));
}

}  // namespace galaxy::http::stream

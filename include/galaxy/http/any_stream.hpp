// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

namespace galaxy::http {

/// A connection of somebody else's server with its type left out: what `Handler::converse` makes of
/// one under TLS, or of whatever else is a stream in Asio's sense. One read and one write at once,
/// begun on its executor, where they complete too; an operation keeps the stream alive.
class AnyStream {
public:
    using Moved = boost::asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;
    using Pieces = std::array<boost::asio::const_buffer, 4>;  ///< some may be empty

    /// An own destructor may run under a lock of the server's: it destroys no universe, galaxy or
    /// server, nor the context.
    virtual ~AnyStream() = default;

    /// A strand.
    virtual const boost::asio::any_io_executor& get_executor() noexcept = 0;
    virtual void async_read_some(boost::asio::mutable_buffer room, Moved handler) = 0;
    virtual void async_write_some(const Pieces& bytes, Moved handler) = 0;

    /// At once, without goodbyes; what is under way ends with an error.
    virtual void close() noexcept = 0;

protected:
    /// As `asio::make_strand`, of the kind that the library's own connections have: a lack of
    /// memory does not leave it stuck. It must end before its context does.
    static boost::asio::any_io_executor strand_over(const boost::asio::any_io_executor& inner);
};

/// Over a `Stream` that it owns: `asio::ssl::stream<tcp::socket>`, `beast::tcp_stream`, and what
/// else has `async_read_some`, `async_write_some`, and `close`, itself or a layer below.
template <class Stream>
class AnyStreamOf final : public AnyStream,
                          public std::enable_shared_from_this<AnyStreamOf<Stream>> {
public:
    explicit AnyStreamOf(Stream stream)
        : stream_(std::move(stream)), strand_(strand_over(stream_.get_executor()))
    {
    }

    const boost::asio::any_io_executor& get_executor() noexcept override { return strand_; }

    void async_read_some(boost::asio::mutable_buffer room, Moved handler) override
    {
        stream_.async_read_some(room, on_strand(std::move(handler)));
    }

    void async_write_some(const Pieces& bytes, Moved handler) override
    {
        stream_.async_write_some(bytes, on_strand(std::move(handler)));
    }

    void close() noexcept override { close_lowest(stream_); }

private:
    struct Done {
        std::shared_ptr<AnyStreamOf> self;
        Moved handler;

        void operator()(boost::system::error_code error, std::size_t size)
        {
            std::move(handler)(error, size);
        }
    };

    auto on_strand(Moved handler)
    {
        return boost::asio::bind_executor(strand_,
                                          Done{this->shared_from_this(), std::move(handler)});
    }

    template <class Layer>
    static void close_lowest(Layer& layer) noexcept
    {
        if constexpr (requires { layer.next_layer(); }) {
            close_lowest(layer.next_layer());
        } else {
            try {
                layer.close();
            } catch (const boost::system::system_error&) {
                // It is closed all the same.
            }
        }
    }

    Stream stream_;
    const boost::asio::any_io_executor strand_;
};

}  // namespace galaxy::http

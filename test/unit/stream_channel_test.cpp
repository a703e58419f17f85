// SPDX-License-Identifier: BSL-1.0
#include "http/stream/channel.hpp"

#include "runtime/serial.hpp"
#include "support/patience.hpp"

#include <galaxy/http/any_stream.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace galaxy;
using namespace galaxy::http;
using namespace std::chrono_literals;
using namespace std::string_view_literals;
using boost::system::error_code;
namespace asio = boost::asio;

/// A connection whose other side says what it is given to say, and takes what it is told to.
class Scripted final : public AnyStream {
public:
    explicit Scripted(asio::io_context& io) : strand_(strand_over(io.get_executor())) {}

    const asio::any_io_executor& get_executor() noexcept override { return strand_; }

    void async_read_some(asio::mutable_buffer room, Moved handler) override
    {
        room_ = room;
        reader_.emplace(std::move(handler));
        read();
    }

    void async_write_some(const Pieces& bytes, Moved handler) override
    {
        left_ = asio::buffer_size(bytes);
        writer_.emplace(std::move(handler));
        if (takes_all) take(left_);
    }

    void close() noexcept override
    {
        end(reader_, asio::error::operation_aborted, 0);
        end(writer_, asio::error::operation_aborted, 0);
    }

    void say(std::string_view bytes)
    {
        said_ += bytes;
        read();
    }

    void take(std::size_t most)
    {
        if (writer_) end(writer_, {}, std::min(left_, most));
    }

    bool is_writing() const { return writer_.has_value(); }

    bool takes_all = true;

private:
    void read()
    {
        if (!reader_ || said_.empty()) return;
        const std::size_t size = asio::buffer_copy(room_, asio::buffer(said_));
        said_.erase(0, size);
        end(reader_, {}, size);
    }

    void end(std::optional<Moved>& operation, error_code error, std::size_t size)
    {
        if (!operation) return;
        asio::post(strand_, [handler = *std::exchange(operation, std::nullopt), error,
                             size]() mutable { std::move(handler)(error, size); });
    }

    const asio::any_io_executor strand_;
    asio::mutable_buffer room_;
    std::string said_;
    std::optional<Moved> reader_, writer_;
    std::size_t left_ = 0;
};

class Owner final : public stream::Channel::Owner {
public:
    bool received(std::string_view) override { return true; }
    void ended(error_code error) override { end = error; }

    std::optional<error_code> end;
};

constexpr auto soon = 50ms;
constexpr std::string_view pong = "\x8a\x80\0\0\0\0"sv;

/// The serving end of a stream, over such a connection. Beast's own time is much longer.
struct Serving {
    Serving()
    {
        auto socket = std::make_unique<stream::WebSocket>(stream::Carrier(connection));
        stream::prepare(*socket, 60s, 60s, std::size_t{1} << 20);
        boost::beast::http::request<boost::beast::http::empty_body> asked(
            boost::beast::http::verb::get, "/", 11);
        asked.set("Host", "x");
        asked.set("Upgrade", "websocket");
        asked.set("Connection", "upgrade");
        asked.set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        asked.set("Sec-WebSocket-Version", "13");
        error_code upgraded = asio::error::would_block;
        socket->async_accept(asked, [&](error_code error) { upgraded = error; });
        poll();
        REQUIRE_FALSE(upgraded);
        channel = std::make_shared<stream::Channel>(std::move(socket),
                                                    stream::Channel::Reading::always, soon);
        channel->start(owner);
        poll();
    }

    void poll()
    {
        io.restart();
        io.poll();
    }

    void send(std::size_t size)
    {
        std::string frames(size, 'x');
        channel->send(frames);
        poll();
        REQUIRE(connection->is_writing());
    }

    /// Within the time that a test may take; meanwhile the other side goes on speaking.
    bool ends()
    {
        return test::eventually([&] {
            connection->say(pong);
            poll();
            return owner->end.has_value();
        });
    }

    asio::io_context io;
    const std::shared_ptr<Scripted> connection = std::make_shared<Scripted>(io);
    const std::shared_ptr<Owner> owner = std::make_shared<Owner>();
    std::shared_ptr<stream::Channel> channel;
};

}  // namespace

TEST_CASE("A channel ends whose other side goes on speaking and takes nothing", "[stream]")
{
    Serving scene;
    scene.connection->takes_all = false;
    SECTION("of what was to be sent")
    {
        scene.send(100);
    }
    SECTION("of it but a part")
    {
        scene.send(100'000);
        scene.connection->take(1000);
        scene.poll();
        REQUIRE(scene.connection->is_writing());
    }
    SECTION("before it says goodbye")
    {
        scene.send(100);
        scene.channel->close();
    }
    REQUIRE(scene.ends());
    CHECK(scene.owner->end == stream::not_taken());
    // Nothing of it keeps the context at work.
    scene.channel.reset();
    scene.io.restart();
    scene.io.run();
}

TEST_CASE("A channel goes on whose other side takes a byte now and then", "[stream]")
{
    const auto goes_on = [] {
        Serving scene;
        scene.connection->takes_all = false;
        scene.send(50'000);
        const auto until = std::chrono::steady_clock::now() + 6 * soon;
        while (std::chrono::steady_clock::now() < until) {
            scene.connection->take(1);
            scene.poll();
        }
        return !scene.owner->end;
    };
    // But for once that the machine is at a stand for so long itself.
    CHECK(test::eventually(goes_on));
}

TEST_CASE("A channel goes on that has nothing to send", "[stream]")
{
    Serving scene;
    std::string frames = "x";
    scene.channel->send(frames);
    scene.poll();
    REQUIRE_FALSE(scene.connection->is_writing());
    scene.connection->takes_all = false;
    CHECK_FALSE(test::eventually(
        [&] {
            scene.poll();
            return scene.owner->end.has_value();
        },
        6 * soon));
    CHECK(scene.channel->queued() == 0);
}

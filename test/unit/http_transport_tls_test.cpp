// SPDX-License-Identifier: BSL-1.0
#include "http/transport.hpp"

#include "http/stream/carrier.hpp"
#include "http/tls_context.hpp"
#include "support/certificates.hpp"

#include <galaxy/http/tls.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffers_iterator.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using namespace galaxy::http;
using asio::ip::tcp;
using boost::system::error_code;
using galaxy::test::Authority;

static_assert(beast::is_async_stream<Transport>::value);

enum class Kind { plain, tls };

/// Two ends of one connection, in one thread.
struct Ends {
    explicit Ends(Kind k, asio::io_context& context = own())
        : kind(k), io(context), client(io.get_executor()), server(io.get_executor())
    {
        if (kind == Kind::tls) tls = Tls(authority().issue("node"));
        tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
        client.socket().connect(acceptor.local_endpoint());
        server = Transport(acceptor.accept());
        client.socket().non_blocking(true);
        server.socket().non_blocking(true);
        if (kind == Kind::plain) return;
        client.secure_with(
            [this](tcp::socket s) { return tls.context()->client(std::move(s), "localhost"); });
        server.secure_with([this](tcp::socket s) { return tls.context()->server(std::move(s)); });
        both([](Transport& end) { return end.async_handshake(asio::use_awaitable); });
    }

    static asio::io_context& own()
    {
        static asio::io_context context;
        return context;
    }
    static Authority& authority()
    {
        static Authority one;
        return one;
    }

    template <class F>
    void both(F f)
    {
        start(f(client));
        start(f(server));
        run();
    }
    void start(asio::awaitable<void> work)
    {
        ++running;
        asio::co_spawn(io, std::move(work), [this](std::exception_ptr thrown) {
            --running;
            if (thrown) failed = thrown;
        });
    }
    void run()
    {
        io.restart();
        while (running > 0 && io.run_one_for(std::chrono::minutes(1)) > 0) {}
        REQUIRE(running == 0);
        if (failed) std::rethrow_exception(std::exchange(failed, nullptr));
    }

    Kind kind;
    asio::io_context& io;
    Tls tls;
    Transport client;
    Transport server;
    int running = 0;
    std::exception_ptr failed;
};

std::string bytes_of(std::size_t size)
{
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
    return bytes;
}

/// In small and large pieces, and empty ones.
asio::awaitable<void> write_all(Transport& to, const std::string& bytes)
{
    const std::string_view text = bytes;
    const std::array<asio::const_buffer, 5> pieces{
        asio::buffer(text.substr(0, 0)), asio::buffer(text.substr(0, 7)),
        asio::buffer(text.substr(7, 3)), asio::buffer(text.substr(10, 0)),
        asio::buffer(text.substr(10))};
    const std::size_t size = co_await asio::async_write(to, pieces, asio::use_awaitable);
    CHECK(size == bytes.size());
}

asio::awaitable<void> read_all(Transport& from, std::string& bytes)
{
    const std::size_t size =
        co_await asio::async_read(from, asio::buffer(bytes), asio::use_awaitable);
    CHECK(size == bytes.size());
}

/// As session and connection read: wait, then take all there is.
asio::awaitable<void> take_all(Transport& from, std::string& bytes, std::size_t step)
{
    std::size_t taken = 0;
    while (taken < bytes.size()) {
        co_await from.async_wait_readable(asio::use_awaitable);
        error_code error;
        while (!error && taken < bytes.size()) {
            const std::size_t room = std::min(step, bytes.size() - taken);
            taken += from.take(asio::buffer(bytes.data() + taken, room), error);
        }
        if (error && error != asio::error::would_block) break;
    }
    CHECK(taken == bytes.size());
}

}  // namespace

TEST_CASE("Bytes pass whole, both ways at once, plain and under TLS", "[http][tls]")
{
    for (const Kind kind : {Kind::plain, Kind::tls}) {
        for (const std::size_t size : {10u, 4096u, 16384u, 16385u, 3'000'000u}) {
            CAPTURE(kind == Kind::tls, size);
            Ends ends(kind);
            const std::string there = bytes_of(size);
            const std::string back(size, 'b');
            std::string got_there(size, '\0');
            std::string got_back(size, '\0');
            ends.start(write_all(ends.client, there));
            ends.start(write_all(ends.server, back));
            ends.start(take_all(ends.server, got_there, 1000));
            ends.start(read_all(ends.client, got_back));
            ends.run();
            CHECK(got_there == there);
            CHECK(got_back == back);
        }
    }
}

TEST_CASE("What a wait has read comes first, then the rest", "[http][tls]")
{
    for (const Kind kind : {Kind::plain, Kind::tls}) {
        CAPTURE(kind == Kind::tls);
        Ends ends(kind);
        const std::string text = bytes_of(5000);
        std::string got(text.size(), '\0');
        ends.start(write_all(ends.client, text));
        ends.start([](Ends& on, std::string& to) -> asio::awaitable<void> {
            CHECK(on.server.look() != Seen::end);
            co_await on.server.async_wait_readable(asio::use_awaitable);
            co_await on.server.async_wait_readable(asio::use_awaitable);
            CHECK(on.server.look() == Seen::bytes);
            error_code error;
            char* at = to.data();
            const std::size_t head = on.server.take(asio::buffer(at, 3), error);
            CHECK(head == 3);
            Transport moved = std::move(on.server);
            co_await asio::async_read(moved, asio::buffer(at + 3, to.size() - 3),
                                      asio::use_awaitable);
            CHECK(moved.take(asio::buffer(at, 1), error) == 0);
            CHECK(error == asio::error::would_block);
            CHECK(moved.look() == Seen::nothing);
        }(ends, got));
        ends.run();
        CHECK(got == text);
    }
}

TEST_CASE("A look everywhere sees what came with what was read", "[http][tls]")
{
    for (const Kind kind : {Kind::plain, Kind::tls}) {
        CAPTURE(kind == Kind::tls);
        Ends ends(kind);
        ends.start([](Ends& on) -> asio::awaitable<void> {
            const std::string more(1000, 'x');
            for (int i = 0; i != 3; ++i)
                co_await asio::async_write(on.client, asio::buffer(more), asio::use_awaitable);
            while (on.server.socket().available() < 3 * more.size())
                co_await asio::post(on.io, asio::use_awaitable);
            std::string got(1000, '\0');
            for (int left = 3; left != 0; --left) {
                CAPTURE(left);
                CHECK(on.server.look_everywhere() == Seen::bytes);
                if (left < 3 || on.kind == Kind::plain) CHECK(on.server.has_bytes());
                co_await asio::async_read(on.server, asio::buffer(got), asio::use_awaitable);
                CHECK(got == more);
            }
            CHECK_FALSE(on.server.has_bytes());
            CHECK(on.server.look_everywhere() == Seen::nothing);
            on.client.close();
            while (on.server.look() == Seen::nothing)
                co_await asio::post(on.io, asio::use_awaitable);
            CHECK(on.server.look() == Seen::end);
        }(ends));
        ends.run();
    }
}

TEST_CASE("A look takes records for bytes, and nothing less", "[http][tls]")
{
    Ends ends(Kind::tls);
    ends.start([](Ends& on) -> asio::awaitable<void> {
        const std::string text(1000, 'x');
        for (int i = 0; i != 2; ++i)
            co_await asio::async_write(on.client, asio::buffer(text), asio::use_awaitable);
        const std::string part = "\x17\x03\x03";
        on.client.socket().write_some(asio::buffer(part));
        const auto unread = [&on] { return on.server.socket().available(); };
        constexpr std::size_t overhead = 22;  // of a record, from TLS 1.3 on
        while (unread() < 2 * (text.size() + overhead) + part.size())
            co_await asio::post(on.io, asio::use_awaitable);
        std::string got(text.size(), '\0');
        co_await asio::async_read(on.server, asio::buffer(got), asio::use_awaitable);
        CHECK(unread() == 0);
        CHECK(on.server.look() == Seen::bytes);
        co_await asio::async_read(on.server, asio::buffer(got), asio::use_awaitable);
        CHECK(on.server.look() == Seen::nothing);
        CHECK(on.server.look_everywhere() == Seen::bytes);
    }(ends));
    ends.run();
}

TEST_CASE("A goodbye waits for no end that was read, before it or beside it", "[http][tls]")
{
    for (const Kind kind : {Kind::plain, Kind::tls}) {
        for (const bool before : {true, false}) {
            CAPTURE(kind == Kind::tls, before);
            Ends ends(kind);
            bool told = false;
            ends.start([](Ends& on, bool& heard) -> asio::awaitable<void> {
                error_code error;
                co_await on.server.async_wait_readable(
                    asio::redirect_error(asio::use_awaitable, error));
                CHECK_FALSE(error);
                heard = true;
            }(ends, told));
            ends.start([](Ends& on, bool first, const bool& heard) -> asio::awaitable<void> {
                if (first) on.client.socket().shutdown(tcp::socket::shutdown_send);
                while (first && !heard) co_await asio::post(on.io, asio::use_awaitable);
                error_code error;
                co_await on.server.async_say_end(asio::redirect_error(asio::use_awaitable, error));
            }(ends, before, told));
            ends.start([](Ends& on) -> asio::awaitable<void> {
                for (int i = 0; i != 10; ++i) co_await asio::post(on.io, asio::use_awaitable);
                error_code again;
                on.client.socket().shutdown(tcp::socket::shutdown_send, again);
            }(ends));
            ends.run();
        }
    }
}

TEST_CASE("A cancelled wait loses nothing", "[http][tls]")
{
    for (const Kind kind : {Kind::plain, Kind::tls}) {
        CAPTURE(kind == Kind::tls);
        Ends ends(kind);
        std::string got(1000, '\0');
        const std::string text = bytes_of(1000);
        ends.start([](Ends& on) -> asio::awaitable<void> {
            error_code error;
            co_await on.server.async_wait_readable(
                asio::redirect_error(asio::use_awaitable, error));
            CHECK(error == asio::error::operation_aborted);
        }(ends));
        ends.start([](Ends& on, const std::string& bytes) -> asio::awaitable<void> {
            on.server.socket().cancel();
            co_await write_all(on.client, bytes);
        }(ends, text));
        ends.run();
        ends.start(take_all(ends.server, got, 64));
        ends.run();
        CHECK(got == text);
    }
}

TEST_CASE("The end is seen, and an end without farewell is told from one with", "[http][tls]")
{
    for (const Kind kind : {Kind::plain, Kind::tls}) {
        for (const bool orderly : {true, false}) {
            CAPTURE(kind == Kind::tls, orderly);
            Ends ends(kind);
            ends.start([](Ends& on, bool says) -> asio::awaitable<void> {
                error_code error;
                if (says)
                    co_await on.client.async_say_end(
                        asio::redirect_error(asio::use_awaitable, error));
                on.client.close();
            }(ends, orderly));
            ends.start([](Ends& on, bool says) -> asio::awaitable<void> {
                co_await on.server.async_wait_readable(asio::use_awaitable);
                CHECK(on.server.look() == Seen::end);
                error_code error;
                char byte = 0;
                CHECK(on.server.take(asio::buffer(&byte, 1), error) == 0);
                const bool eof = error == asio::error::eof;
                CHECK(eof == (says || on.kind == Kind::plain));
                error_code again;
                co_await on.server.async_read_some(
                    asio::buffer(&byte, 1), asio::redirect_error(asio::use_awaitable, again));
                CHECK(again == error);
                on.server.close();
            }(ends, orderly));
            ends.run();
        }
    }
}

TEST_CASE("A WebSocket of Beast's works on it, on what a server has begun to read", "[http][tls]")
{
    using Stream = beast::websocket::stream<galaxy::http::stream::Carrier, false>;
    for (const Kind kind : {Kind::plain, Kind::tls}) {
        CAPTURE(kind == Kind::tls);
        Ends ends(kind);
        std::string got;
        ends.start([](Ends& on) -> asio::awaitable<void> {
            co_await on.server.async_wait_readable(asio::use_awaitable);
            Stream stream(std::move(on.server));
            stream.set_option(
                beast::websocket::stream_base::timeout::suggested(beast::role_type::server));
            stream.binary(true);
            co_await stream.async_accept(asio::use_awaitable);
            beast::flat_buffer message;
            error_code error;
            while (!error) {
                co_await stream.async_read(message,
                                           asio::redirect_error(asio::use_awaitable, error));
                if (error) break;
                co_await stream.async_write(message.data(), asio::use_awaitable);
                message.clear();
            }
            CHECK(error == beast::websocket::error::closed);
        }(ends));
        ends.start([](Ends& on, std::string& answer) -> asio::awaitable<void> {
            Stream stream(std::move(on.client));
            co_await stream.async_handshake("localhost", "/", asio::use_awaitable);
            stream.binary(true);
            const std::string text = bytes_of(100'000);
            co_await stream.async_write(asio::buffer(text), asio::use_awaitable);
            beast::flat_buffer message;
            co_await stream.async_read(message, asio::use_awaitable);
            answer = beast::buffers_to_string(message.data());
            co_await stream.async_close(beast::websocket::close_code::normal, asio::use_awaitable);
        }(ends, got));
        ends.run();
        CHECK(got == bytes_of(100'000));
    }
}

TEST_CASE("A context may go with operations under way", "[http][tls]")
{
    for (const Kind kind : {Kind::plain, Kind::tls}) {
        for (const bool transports_first : {true, false}) {
            auto io = std::make_unique<asio::io_context>();
            auto ends = std::make_unique<Ends>(kind, *io);
            int completed = 0;
            auto guard = std::make_shared<int>(0);
            const std::string much = bytes_of(20'000'000);
            ends->server.async_wait_readable([&completed, guard](error_code) { ++completed; });
            asio::async_write(ends->server, asio::buffer(much),
                              [&completed, guard](error_code, std::size_t) { ++completed; });
            io->poll();
            if (transports_first) ends.reset();
            if (!transports_first) {
                // They outlive it, as a pool's garbage does.
                Transport client = std::move(ends->client);
                Transport server = std::move(ends->server);
                ends.reset();
                client.close();
                server.close();
            }
            io.reset();
            CHECK(completed == 0);
            CHECK(guard.use_count() == 1);
        }
    }
}

// SPDX-License-Identifier: BSL-1.0

// A Beast server of one's own that answers from a galaxy, and serves the galaxy's peers beside its
// own routes. A second process, started below, is such a peer: it fetches through this one.

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>
#include <galaxy/http/beast.hpp>

#include <boost/asio.hpp>
#include <boost/beast.hpp>

#include <iostream>
#include <string>
#include <string_view>

#include <sys/wait.h>
#include <unistd.h>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = galaxy::http;
using Tcp = asio::ip::tcp;

asio::awaitable<galaxy::Loaded> load_page(std::string_view name)
{
    co_return galaxy::Loaded::value("<h1>" + std::string(name) + "</h1>");
}

/// The routes: `/pages/NAME`, and what peers ask.
asio::awaitable<http::Response> answer(http::Request request, galaxy::Galaxy pages,
                                       http::Handler peers)
{
    constexpr std::string_view prefix = "/pages/";
    if (peers.handles(request.target)) co_return co_await peers.handle(request);
    if (!request.target.starts_with(prefix)) co_return http::Response(404, galaxy::Value());
    galaxy::Value page = co_await pages.get(request.target.substr(prefix.size()));
    co_return http::Response(200, page);
}

asio::awaitable<void> serve(Tcp::socket socket, galaxy::Galaxy pages, http::Handler peers)
{
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer;
    for (;;) {
        beast::http::request<beast::http::empty_body> request;
        co_await beast::http::async_read(stream, buffer, request, asio::use_awaitable);
        const http::Request asked = http::as_request(request);
        if (peers.upgrades(asked) && buffer.size() == 0) {  // a peer's stream, from here on
            co_await peers.converse(stream.release_socket(), asked);
            co_return;
        }
        http::Response found = co_await answer(asked, pages, peers);
        auto message = http::as_response(std::move(found), request);
        co_await beast::http::async_write(stream, message, asio::use_awaitable);
        if (!message.keep_alive()) co_return;
    }
}

asio::awaitable<void> listen(Tcp::acceptor& acceptor, galaxy::Galaxy pages, http::Handler peers)
{
    for (;;) {
        Tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        auto serving = serve(std::move(socket), pages, peers);
        asio::co_spawn(acceptor.get_executor(), std::move(serving), asio::detached);
    }
}

/// The second process: fetches every page from the first one.
int fetch_through(const std::string& port)
{
    asio::io_context io;
    galaxy::UniverseOptions options{.self = "client", .fetch_protocol = http::protocol()};
    options.role = galaxy::Role::client_only;  // owns nothing
    galaxy::Universe universe(io.get_executor(), options);
    galaxy::Galaxy pages = universe.create("pages", load_page);
    universe.set_peers({{"server", "127.0.0.1:" + port}});
    galaxy::Value page;
    pages.async_get("welcome", [&](auto, galaxy::Value value) {
        page = value;
        universe.close();  // else the stream stays open for the next get
    });
    io.run();
    std::cout << page.view() << ", from " << to_string(page.from()) << '\n' << std::flush;
    return page.from() == galaxy::Origin::peer ? 0 : 1;
}

int main(int argc, char** argv)
{
    if (argc == 2) return fetch_through(argv[1]);
    asio::io_context io;
    galaxy::Universe universe(io.get_executor(), {.self = "server"});
    galaxy::Galaxy pages = universe.create("pages", load_page);
    Tcp::acceptor acceptor(io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::co_spawn(io, listen(acceptor, pages, http::Handler(universe)), asio::detached);

    const std::string port = std::to_string(acceptor.local_endpoint().port());
    asio::signal_set ended(io, SIGCHLD);
    const pid_t second = ::fork();
    if (second == 0) ::_exit(::execl("/proc/self/exe", argv[0], port.c_str(), nullptr));
    int status = -1;
    ended.async_wait([&](boost::system::error_code, int) {
        ::waitpid(second, &status, 0);
        io.stop();
    });
    io.run();
    return status == 0 && pages.stats().server_requests == 1 ? 0 : 1;
}

// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/any_stream.hpp>

#include "integration/http_node.hpp"
#include "support/certificates.hpp"
#include "support/threads.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <galaxy/http/beast.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using Tcp = asio::ip::tcp;

/// A server of one's own that makes a stream of what it accepts, of some kind of connection.
template <class Stream>
class OwnServer {
public:
    OwnServer(asio::io_context& io, const http::Handler& handler, asio::ssl::context& tls)
        : under_way(std::in_place, asio::make_strand(io)), handler_(handler), tls_(tls)
    {
        Tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
        port_ = acceptor.local_endpoint().port();
        asio::co_spawn(under_way->strand, serve(std::move(acceptor)),
                       asio::bind_cancellation_slot(under_way->stop.slot(), asio::detached));
    }

    std::string uri() const { return "localhost:" + std::to_string(port_); }

    /// No longer than its context: what the signal calls holds the strand too.
    struct UnderWay {
        explicit UnderWay(asio::strand<asio::io_context::executor_type> s) : strand(std::move(s)) {}
        asio::strand<asio::io_context::executor_type> strand;
        asio::cancellation_signal stop;
    };
    std::optional<UnderWay> under_way;
    std::atomic<int> begun = 0;
    std::atomic<int> over = 0;

private:
    static constexpr bool secure = requires(Stream& stream) { stream.next_layer(); };

    asio::awaitable<void> serve(Tcp::acceptor acceptor)
    {
        Tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        Stream stream = made_of(std::move(socket));
        if constexpr (secure)
            co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
        boost::beast::flat_buffer buffer;
        boost::beast::http::request<boost::beast::http::empty_body> request;
        co_await boost::beast::http::async_read(stream, buffer, request, asio::use_awaitable);
        const http::Request asked = http::as_request(request);
        if (handler_.upgrades(asked)) {
            ++begun;
            co_await handler_.converse(std::move(stream), asked);
        }
        ++over;
    }

    Stream made_of(Tcp::socket socket)
    {
        if constexpr (secure) {
            return Stream(std::move(socket), tls_);
        } else {
            return Stream(std::move(socket));
        }
    }

    const http::Handler handler_;
    asio::ssl::context& tls_;
    std::uint16_t port_ = 0;
};

enum class Leaves { peer, server, context };

/// `secure`: how its peers are to speak.
template <class Stream>
void converse(bool secure, Leaves leaves)
{
    Authority authority;
    const http::TlsOptions own = authority.issue("node");
    asio::ssl::context tls(asio::ssl::context::tls_server);
    tls.use_certificate_chain_file(own.certificate_chain);
    tls.use_private_key_file(own.private_key, asio::ssl::context::pem);
    std::optional<RunningContext> io(std::in_place, 2);
    Universe universe(io->get_executor(), {.self = "a", .fetch_protocol = patient_protocol()});
    std::atomic<int> loads = 0;
    const Galaxy g = universe.create(
        "g",
        [&](std::string_view key) -> asio::awaitable<Loaded> {
            ++loads;
            co_return Loaded::uncached(Node::sized(key));
        },
        patiently(GalaxyOptions()));
    auto server = std::make_unique<OwnServer<Stream>>(
        io->context(), http::Handler(universe, patiently(http::HandlerOptions())), tls);

    http::ProtocolOptions options;
    if (secure) options.tls = http::Tls(own);
    const auto protocol = patient_protocol(options);
    Caller caller(*protocol, server->uri(), "a");
    int gets = 0;
    for (const std::size_t size : {0, 1, 65'536, 65'537, 5'000'000}) {
        CHECK((caller.fetch("uncached:" + std::to_string(size)).value == bytes_of(size)));
        CHECK(loads == ++gets);
    }
    std::vector<std::shared_ptr<Fetched>> many;
    for (int i = 0; i != 500; ++i) many.push_back(caller.start("uncached:" + std::to_string(i)));
    for (std::size_t i = 0; i != many.size(); ++i) {
        caller.wait(*many[i]);
        CHECK(many[i]->result.value == bytes_of(i));
    }
    CHECK(server->begun == 1);
    CHECK(server->over == 0);
    if (leaves == Leaves::peer) caller.link->close();
    if (leaves == Leaves::server) {
        asio::post(server->under_way->strand,
                   [&] { server->under_way->stop.emit(asio::cancellation_type::terminal); });
    }
    if (leaves == Leaves::context) {
        io->halt();
        server->under_way.reset();
        return io.reset();
    }
    CHECK(eventually([&] {
        caller.io->restart();
        caller.io->poll();
        return server->over == 1;
    }));
}

}  // namespace

TEST_CASE("A stream in a server of one's own, whatever its connections are made of",
          "[stream][tls]")
{
    const Leaves leaves = GENERATE(Leaves::peer, Leaves::server, Leaves::context);
    CAPTURE(static_cast<int>(leaves));
    SECTION("TLS")
    {
        converse<asio::ssl::stream<Tcp::socket>>(true, leaves);
    }
    SECTION("TLS over another layer")
    {
        converse<asio::ssl::stream<boost::beast::tcp_stream>>(true, leaves);
    }
    SECTION("plain, with timeouts that are off")
    {
        converse<boost::beast::tcp_stream>(false, leaves);
    }
}

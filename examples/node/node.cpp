// SPDX-License-Identifier: BSL-1.0
#include "node/node.hpp"

#include "node/log.hpp"
#include "node/routes.hpp"

#include <galaxy/http/protocol.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace node {
namespace {

std::string numeric(const std::string& host)
{
    boost::system::error_code error;
    const asio::ip::address address = asio::ip::make_address(host, error);
    if (!error) return address.to_string();
    asio::io_context unused;
    asio::ip::tcp::resolver resolver(unused);
    const auto found = resolver.resolve(host, "0", error);
    if (error || found.empty())
        throw std::runtime_error("cannot resolve " + host + ": " + error.message());
    return found.begin()->endpoint().address().to_string();
}

galaxy::UniverseOptions universe_options(const Options& options, const Limits& limits,
                                         const Trust& trust)
{
    galaxy::UniverseOptions universe = options.universe;
    galaxy::http::ProtocolOptions protocol = options.protocol;
    protocol.max_connections = limits.peer_connections;
    protocol.max_idle = std::min(protocol.max_idle, limits.peer_connections);
    protocol.tls = trust.client();
    protocol.secret = trust.secret();
    universe.fetch_protocol = galaxy::http::protocol(std::move(protocol));
    universe.log = write_log;
    return universe;
}

}  // namespace

Node::Node(Options options)
    : options_(std::move(options)),
      means_(means()),
      limits_(limits_for(means_, options_)),
      trust_(options_),
      context_(static_cast<int>(options_.threads)),
      control_(asio::make_strand(context_)),
      signals_(control_, SIGTERM, SIGINT),
      hangups_(control_, SIGHUP),
      origin_(make_origin(options_, limits_, context_.get_executor())),
      universe_(context_.get_executor(), universe_options(options_, limits_, trust_)),
      server_(make_server()),
      watcher_(
          universe_,
          {options_.peers, {options_.universe.self, to_string(endpoint())}, options_.client_only},
          options_.peers_file),
      trimmer_([this] { return bytes_known(); })
{
    outlives_the_context_ = origin_.resources;
    galaxy::GalaxyOptions galaxy_options = options_.galaxy;
    galaxy_options.backend_executor = origin_.executor;
    galaxy_options.max_backend_loads = limits_.max_backend_loads;
    universe_.create(options_.galaxy_name, origin_.backend, galaxy_options);
    try {
        watcher_.begin();
    } catch (const std::runtime_error& error) {
        throw UsageError(std::string("--peer: ") + error.what());
    }
}

galaxy::http::Server Node::make_server() const
{
    galaxy::http::ServerOptions server;
    server.address = numeric(options_.listen.host);
    server.port = options_.listen.port;
    server.tls = trust_.server();
    server.secret = trust_.secret();
    server.max_wait = options_.max_wait;
    server.max_held = limits_.max_held;
    server.max_connections = limits_.max_connections;
    server.spare_descriptors = limits_.spare_descriptors;
    server.route = [routes = Routes(universe_, [this] { return server_.stats(); })](
                       galaxy::http::Request request) { return routes.answer(request); };
    try {
        return galaxy::http::serve(universe_, std::move(server));
    } catch (const boost::system::system_error& error) {
        throw std::runtime_error("cannot listen on " + to_string(options_.listen) + ": "
                                 + error.code().message());
    }
}

// What the node has in memory by its own books.
std::size_t Node::bytes_known() const
{
    const galaxy::http::ServerStats server = server_.stats();
    std::size_t bytes = server.held_bytes + server.connections_now * limits_.bytes_a_connection;
    // Not all statistics of the universe: there may be very many peers.
    if (const std::optional<galaxy::Galaxy> own = universe_.galaxy(options_.galaxy_name)) {
        const galaxy::GalaxyStats stats = own->stats();
        bytes += stats.bytes_main + stats.bytes_hot + stats.pinned_bytes + stats.retired_bytes;
    }
    return bytes;
}

Endpoint Node::endpoint() const
{
    return {options_.listen.host, server_.port()};
}

void Node::run()
{
    log_limits(means_, limits_, options_.galaxy.capacity);
    asio::co_spawn(control_, await_the_end(), asio::detached);
    await_hangup();
    watcher_.watch();
    trimmer_.begin();
    // An exception out of a handler is a bug, and better loud than a thread less.
    const auto serve = [this]() noexcept { context_.run(); };
    std::vector<std::jthread> others;
    try {
        while (others.size() + 1 < options_.threads) others.emplace_back(serve);
    } catch (const std::system_error& e) {
        context_.stop();
        throw std::runtime_error("--threads " + std::to_string(options_.threads) + ": only "
                                 + std::to_string(others.size() + 1)
                                 + " could be started: " + e.code().message());
    } catch (...) {
        context_.stop();  // or the others would never end
        throw;
    }
    serve();
}

void Node::await_hangup()
{
    hangups_.async_wait([this](boost::system::error_code error, int) {
        if (error) return;
        trust_.reload();
        await_hangup();
    });
}

asio::awaitable<void> Node::await_the_end()
{
    co_await signals_.async_wait(asio::use_awaitable);
    // Whoever asks twice does not want to wait for what may still be running.
    signals_.async_wait([](boost::system::error_code error, int) {
        if (!error) std::_Exit(EXIT_SUCCESS);
    });
    log_info("told to end; draining");
    universe_.drain();
    co_await server_.async_drain(options_.drain, asio::use_awaitable);
    watcher_.stop();
    trimmer_.stop();
    universe_.close();
    log_info("ended");
    context_.stop();
}

}  // namespace node

// SPDX-License-Identifier: BSL-1.0
#include "siege/origin.hpp"

#include "siege/values.hpp"
#include "support/escape.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http/server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

namespace asio = boost::asio;

namespace galaxy::siege {
namespace {

asio::awaitable<http::Response> answer(http::Request request)
{
    const std::string key = ::support::unescape_segment(request.target.substr(1)).value_or("");
    if (const std::chrono::milliseconds delay = delay_of(key); delay.count() > 0) {
        asio::steady_timer timer(co_await asio::this_coro::executor, delay);
        co_await timer.async_wait(asio::use_awaitable);
    }
    http::Response response;
    response.body = Value(value_of(key));
    co_return response;
}

}  // namespace

struct Origin::State {
    asio::io_context context{1};
    Universe universe{context.get_executor()};
    std::optional<http::Server> server;
    std::thread thread;
};

Origin::Origin() : state_(std::make_unique<State>())
{
    http::ServerOptions options;
    options.route = [](http::Request request) { return answer(request); };
    // It is not what is besieged: large values wait here for a node that reads slowly.
    options.max_held = std::size_t{1} << 30;
    state_->server.emplace(http::serve(state_->universe, std::move(options)));
    state_->thread = std::thread([state = state_.get()] { state->context.run(); });
}

Origin::~Origin()
{
    state_->context.stop();
    state_->thread.join();
}

std::string Origin::url() const
{
    return "http://127.0.0.1:" + std::to_string(state_->server->port()) + "/";
}

}  // namespace galaxy::siege

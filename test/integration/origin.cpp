// SPDX-License-Identifier: BSL-1.0
#include "integration/origin.hpp"

#include "support/escape.hpp"
#include "support/patiently.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http/server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace asio = boost::asio;

namespace galaxy::test {
namespace {

struct Script {
    std::optional<std::chrono::milliseconds> delay;
    bool held = false;
    unsigned status = 200;
    std::optional<std::string> body;
};

}  // namespace

struct OriginServer::State {
    mutable std::mutex mutex;
    std::map<std::string, Script> scripts;
    std::chrono::milliseconds delay{0};
    std::string cache_control;
    std::map<std::string, std::uint64_t> loads;

    asio::io_context context{1};
    Universe universe{context.get_executor()};
    std::optional<http::Server> server;
    std::thread thread;

    bool is_held(const std::string& key) const
    {
        const std::lock_guard lock(mutex);
        const auto found = scripts.find(key);
        return found != scripts.end() && found->second.held;
    }

    asio::awaitable<http::Response> answer(http::Request request)
    {
        const std::string key = support::unescape_segment(request.target.substr(1)).value_or("");
        Script script;
        http::Response response;
        {
            const std::lock_guard lock(mutex);
            ++loads[key];
            if (const auto found = scripts.find(key); found != scripts.end())
                script = found->second;
            if (!script.delay) script.delay = delay;
            if (!cache_control.empty())
                response.headers.emplace_back("Cache-Control", cache_control);
        }
        while (is_held(key)) {
            asio::steady_timer timer(co_await asio::this_coro::executor,
                                     std::chrono::milliseconds(5));
            co_await timer.async_wait(asio::use_awaitable);
        }
        if (script.delay->count() > 0) {
            asio::steady_timer timer(co_await asio::this_coro::executor, *script.delay);
            co_await timer.async_wait(asio::use_awaitable);
        }
        response.status = script.status;
        response.body = Value(script.body.value_or("value of " + key));
        co_return response;
    }
};

OriginServer::OriginServer() : state_(std::make_unique<State>())
{
    http::ServerOptions options;
    options.route = [state = state_.get()](http::Request request) {
        return state->answer(request);
    };
    state_->server.emplace(http::serve(state_->universe, patiently(std::move(options))));
    state_->thread = std::thread([state = state_.get()] { state->context.run(); });
}

OriginServer::~OriginServer()
{
    state_->context.stop();
    state_->thread.join();
}

std::uint16_t OriginServer::port() const noexcept
{
    return state_->server->port();
}

std::string OriginServer::url() const
{
    return "http://127.0.0.1:" + std::to_string(port()) + "/";
}

void OriginServer::set_delay(std::chrono::milliseconds delay)
{
    const std::lock_guard lock(state_->mutex);
    state_->delay = delay;
}

void OriginServer::set_delay(const std::string& key, std::chrono::milliseconds delay)
{
    const std::lock_guard lock(state_->mutex);
    state_->scripts[key].delay = delay;
}

void OriginServer::hold(const std::string& key)
{
    const std::lock_guard lock(state_->mutex);
    state_->scripts[key].held = true;
}

void OriginServer::release(const std::string& key)
{
    const std::lock_guard lock(state_->mutex);
    state_->scripts[key].held = false;
}

void OriginServer::set_status(const std::string& key, unsigned status)
{
    const std::lock_guard lock(state_->mutex);
    state_->scripts[key].status = status;
}

void OriginServer::set_cache_control(std::string value)
{
    const std::lock_guard lock(state_->mutex);
    state_->cache_control = std::move(value);
}

void OriginServer::set_body(const std::string& key, std::string body)
{
    const std::lock_guard lock(state_->mutex);
    state_->scripts[key].body = std::move(body);
}

std::uint64_t OriginServer::loads() const
{
    std::uint64_t sum = 0;
    for (const auto& [key, count] : loads_by_key()) sum += count;
    return sum;
}

std::uint64_t OriginServer::loads(const std::string& key) const
{
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->loads.find(key);
    return found == state_->loads.end() ? 0 : found->second;
}

std::map<std::string, std::uint64_t> OriginServer::loads_by_key() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->loads;
}

void OriginServer::forget_loads()
{
    const std::lock_guard lock(state_->mutex);
    state_->loads.clear();
}

}  // namespace galaxy::test

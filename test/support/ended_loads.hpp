// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/backend.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy::test {

namespace asio = boost::asio;

/// A backend whose calls end as and when the test says, cancelled or not. Not thread-safe; outlives
/// its calls.
class EndedLoads {
public:
    using How = std::function<Loaded()>;

    Backend backend()
    {
        return [this](std::string_view key) { return load(std::string(key)); };
    }

    std::size_t begun() const { return calls_.size(); }
    std::size_t running() const { return running_; }
    std::size_t most_running() const { return most_running_; }
    const std::string& key(std::size_t call) const { return calls_.at(call)->key; }

    /// Ends the call begun as the `call`th, the first being the 0th, once the context runs.
    void end(std::size_t call, How how)
    {
        calls_.at(call)->how = std::move(how);
        if (asio::steady_timer* held = calls_.at(call)->held) held->cancel();
    }
    void end(std::size_t call, Loaded loaded)
    {
        end(call, [loaded = std::move(loaded)] { return loaded; });
    }
    void fail(std::size_t call, boost::system::error_code code)
    {
        end(call, [code]() -> Loaded { throw boost::system::system_error(code); });
    }

private:
    struct Call {
        std::string key;
        How how;
        asio::steady_timer* held = nullptr;  ///< the call's own
    };

    asio::awaitable<Loaded> load(std::string key)
    {
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const auto call = std::make_shared<Call>();
        call->key = std::move(key);
        asio::steady_timer held(executor, asio::steady_timer::time_point::max());
        call->held = &held;
        calls_.push_back(call);
        most_running_ = std::max(most_running_, ++running_);
        boost::system::error_code ignored;
        co_await held.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        call->held = nullptr;
        --running_;
        co_return call->how();
    }

    std::vector<std::shared_ptr<Call>> calls_;
    std::size_t running_ = 0, most_running_ = 0;
};

}  // namespace galaxy::test

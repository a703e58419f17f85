// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "scenarios/drive.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <string_view>
#include <utility>

namespace bench {

/// When each operation of a caller counts as begun: at its moment where a rate is given, else now.
class Pace {
public:
    Pace(double rate, const Place& place) : rate_(rate), schedule_(rate > 0 ? rate : 1, place) {}

    asio::awaitable<Clock::time_point> next()
    {
        if (rate_ <= 0) co_return Clock::now();
        const Clock::time_point due = schedule_.next();
        if (due > Clock::now()) {
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            asio::steady_timer timer(executor, due);
            asio::awaitable<void> end = timer.async_wait(asio::use_awaitable);
            co_await std::move(end);
        }
        co_return due;
    }

private:
    const double rate_;
    Schedule schedule_;
};

/// One key after the other out of the requests.
class Keys {
public:
    Keys(const Requests& requests, const Place& place)
        : cursor_(requests, place.worker, place.workers)
    {
    }

    std::string_view next() noexcept
    {
        if (left_ == 0) {
            at_ = cursor_.next_chunk();
            left_ = Requests::chunk;
        }
        --left_;
        return {std::exchange(at_, at_ + cursor_.key_size()), cursor_.key_size()};
    }

private:
    Cursor cursor_;
    const char* at_ = nullptr;
    std::size_t left_ = 0;
};

}  // namespace bench

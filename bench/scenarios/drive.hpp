// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/workers.hpp"
#include "support/workload.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace bench {

namespace asio = boost::asio;

// How lookups are driven. Every contestant gives way after each 1024 lookups, and so pays for
// whatever work its hits leave to be done on the context.

inline asio::awaitable<void> give_way()
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::awaitable<void> turn = asio::post(executor, asio::use_awaitable);
    co_await std::move(turn);
}

/// Out of the coroutine, so that the loop's variables are in registers.
template <class Lookup>
[[gnu::noinline]] std::uint64_t look_up_chunk(const char* keys, std::size_t key_size,
                                              Lookup& lookup)
{
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i != Requests::chunk; ++i, keys += key_size)
        sum += lookup(std::string_view(keys, key_size));
    return sum;
}

/// Plain calls: `lookup(key)` gives what the value tasted of.
template <class Lookup>
void drive_calls(Place place, asio::io_context& io, Cursor cursor, Lookup lookup)
{
    do {
        swallow(look_up_chunk(cursor.next_chunk(), cursor.key_size(), lookup));
        io.poll();
    } while (place.lap.goes_on(Requests::chunk));
}

/// Awaited: `lookup(key)` gives an awaitable of something with `view()`.
template <class Lookup>
asio::awaitable<void> drive_awaits(Place place, Cursor cursor, Lookup lookup)
{
    do {
        const char* keys = cursor.next_chunk();
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i != Requests::chunk; ++i, keys += cursor.key_size()) {
            const auto value = co_await lookup(std::string_view(keys, cursor.key_size()));
            sum += taste(value.view());
        }
        swallow(sum);
        co_await give_way();
    } while (place.lap.goes_on(Requests::chunk));
}

/// So many together.
inline constexpr std::size_t together = 32;

/// `lookup(keys)` gives an awaitable of as many results of something with `view()`.
template <class Lookup>
asio::awaitable<void> drive_many(Place place, Cursor cursor, Lookup lookup)
{
    static_assert(Requests::chunk % together == 0);
    std::array<std::string_view, together> some;
    do {
        const char* keys = cursor.next_chunk();
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i != Requests::chunk; i += together) {
            for (std::string_view& key : some) {
                key = std::string_view(keys, cursor.key_size());
                keys += cursor.key_size();
            }
            const auto values = co_await lookup(some);
            for (const auto& value : values) sum += taste(value->view());
        }
        swallow(sum);
        co_await give_way();
    } while (place.lap.goes_on(Requests::chunk));
}

/// Calls at given moments, each lookup timed.
template <class Lookup>
void time_calls(Place place, asio::io_context& io, Cursor cursor, double rate, Lookup lookup)
{
    Schedule schedule(rate, place);
    do {
        const char* keys = cursor.next_chunk();
        for (std::size_t i = 0; i != Requests::chunk; ++i, keys += cursor.key_size()) {
            const Clock::time_point due = schedule.next();
            while (Clock::now() < due) io.poll();
            swallow(lookup(std::string_view(keys, cursor.key_size())));
            if (place.lap.counting()) place.latencies.record(nanoseconds_since(due));
        }
    } while (place.lap.goes_on(Requests::chunk));
}

template <class Lookup>
asio::awaitable<void> time_awaits(Place place, Cursor cursor, double rate, Lookup lookup)
{
    Schedule schedule(rate, place);
    do {
        const char* keys = cursor.next_chunk();
        for (std::size_t i = 0; i != Requests::chunk; ++i, keys += cursor.key_size()) {
            const Clock::time_point due = schedule.next();
            while (Clock::now() < due) co_await give_way();
            const auto value = co_await lookup(std::string_view(keys, cursor.key_size()));
            swallow(taste(value.view()));
            if (place.lap.counting()) place.latencies.record(nanoseconds_since(due));
        }
    } while (place.lap.goes_on(Requests::chunk));
}

}  // namespace bench

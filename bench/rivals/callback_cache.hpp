// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "rivals/sharded_lru.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// The floor of a miss: what must be done if one load is to serve everyone who asks meanwhile, and
/// no more. A strand, a flight a key, a backend that is a function; no coroutine, no deadline, no
/// cancellation, no statistics, no peers.
template <class Handler>  // void(ShardedLru::Handle)
class CallbackCache {
public:
    /// `capacity` in entries. The context must outlive this, and this what is under way.
    CallbackCache(boost::asio::io_context& io, std::size_t capacity, std::string value)
        : io_(io), strand_(io.get_executor()), value_(std::move(value)), lru_(capacity)
    {
    }

    ShardedLru::Handle find(std::string_view key) { return lru_.find(key); }
    void insert(std::string_view key) { lru_.insert(key, value_); }

    /// Loads a key, or joins its load; completes by post.
    void async_load(std::string_view key, Handler handler)
    {
        boost::asio::post(strand_, [this, owned = std::string(key), handler]() mutable {
            join(std::move(owned), std::move(handler));
        });
    }

private:
    struct Flight {
        std::string key;
        Handler first;
        std::vector<Handler> others;
    };

    void join(std::string key, Handler handler)
    {
        const auto found = flights_.find(key);
        if (found != flights_.end()) {
            found->second->others.push_back(std::move(handler));
            return;
        }
        auto owned = std::make_unique<Flight>(Flight{std::move(key), std::move(handler), {}});
        Flight* flight = owned.get();
        flights_.emplace(flight->key, std::move(owned));
        boost::asio::post(io_, [this, flight] { load(flight); });
    }

    void load(Flight* flight)
    {
        boost::asio::post(strand_, [this, flight, loaded = value_] { land(*flight, loaded); });
    }

    void land(Flight& flight, const std::string& loaded)
    {
        lru_.insert(flight.key, loaded);
        const ShardedLru::Handle value = lru_.find(flight.key);
        complete(std::move(flight.first), value);
        for (Handler& other : flight.others) complete(std::move(other), value);
        flights_.erase(std::string_view(flight.key));
    }

    void complete(Handler handler, const ShardedLru::Handle& value)
    {
        boost::asio::post(io_, [handler = std::move(handler), value]() mutable { handler(value); });
    }

    boost::asio::io_context& io_;
    boost::asio::strand<boost::asio::io_context::executor_type> strand_;
    const std::string value_;
    ShardedLru lru_;
    boost::unordered_flat_map<std::string_view, std::unique_ptr<Flight>, Hash> flights_;
};

}  // namespace bench

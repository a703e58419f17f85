// SPDX-License-Identifier: BSL-1.0
#include <galaxy/handle.hpp>

#include "galaxy_core.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdio>
#include <cstdlib>
#include <tuple>

namespace galaxy {

namespace asio = boost::asio;

namespace {

// A get is a plain function that has looked into memory before it returns one of these. Each is a
// coroutine with nothing but values for parameters.

template <class T>
asio::awaitable<T> ready(Value value)
{
    co_return std::move(value);
}

/// For every so many hits of a thread: gives way to whatever else its context has to run.
template <class T>
asio::awaitable<T> ready_after_others(Value value)
{
    // Deferred, as a frame of its own for the turn would be one more than Asio recycles.
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto turn = asio::post(executor, asio::deferred);
    co_await std::move(turn);
    co_return std::move(value);
}

using Outcome = std::tuple<boost::system::error_code, Value>;

template <class Start>
asio::awaitable<Result<Value>> missed_try(Start start, std::shared_ptr<GetRequest> request)
{
    asio::awaitable<Outcome> flight =
        asio::async_initiate<const asio::as_tuple_t<asio::use_awaitable_t<>>,
                             void(boost::system::error_code, Value)>(
            std::move(start), asio::as_tuple(asio::use_awaitable), std::move(request));
    Outcome outcome = co_await std::move(flight);
    if (std::get<0>(outcome)) co_return std::get<0>(outcome);
    co_return std::move(std::get<1>(outcome));
}

template <class Start>
asio::awaitable<Value> missed(Start start, std::shared_ptr<GetRequest> request)
{
    asio::awaitable<Outcome> flight =
        asio::async_initiate<const asio::as_tuple_t<asio::use_awaitable_t<>>,
                             void(boost::system::error_code, Value)>(
            std::move(start), asio::as_tuple(asio::use_awaitable), std::move(request));
    Outcome outcome = co_await std::move(flight);
    if (std::get<0>(outcome))
        throw boost::system::system_error(std::get<0>(outcome), "Galaxy::get");
    co_return std::move(std::get<1>(outcome));
}

}  // namespace

asio::awaitable<Value> Galaxy::get(std::string_view key, GetOptions options) const
{
    bool yielding = false;
    if (std::optional<Value> hit = core_->hit(key, yielding)) {
        return yielding ? ready_after_others<Value>(std::move(*hit))
                        : ready<Value>(std::move(*hit));
    }
    std::shared_ptr<GetRequest> miss = request(key, options);
    miss->looked = true;
    return missed(Start{core_, get_executor()}, std::move(miss));
}

asio::awaitable<Result<Value>> Galaxy::try_get(std::string_view key, GetOptions options) const
{
    bool yielding = false;
    if (std::optional<Value> hit = core_->hit(key, yielding)) {
        return yielding ? ready_after_others<Result<Value>>(std::move(*hit))
                        : ready<Result<Value>>(std::move(*hit));
    }
    std::shared_ptr<GetRequest> miss = request(key, options);
    miss->looked = true;
    return missed_try(Start{core_, get_executor()}, std::move(miss));
}

void Galaxy::submit(const std::shared_ptr<GalaxyCore>& core, std::shared_ptr<GetRequest> request,
                    asio::any_io_executor executor, GetHandler handler)
{
    core->submit(std::move(request), std::move(executor), std::move(handler));
}

std::shared_ptr<GetRequest> Galaxy::request(std::string_view key, const GetOptions& options) const
{
    return core_->request(key, options);
}

std::optional<Value> Galaxy::find(std::string_view key) const
{
    std::optional<Value> value;
    core_->look(key, [&value](Entry& entry) {
        value.emplace(Entry::share(entry, origin(store::tier_of(entry))));
    });
    return value;
}

bool Galaxy::visit_erased(std::string_view key, Visitor visitor, void* f) const
{
    return core_->look(key, [=](const Entry& entry) { visitor(f, entry.bytes()); });
}

const std::string& Galaxy::name() const noexcept
{
    return core_->name();
}

asio::any_io_executor Galaxy::get_executor() const noexcept
{
    return core_->executor();
}

GalaxyStats Galaxy::stats() const
{
    return core_->stats();
}

void Galaxy::check_invariants() const
{
    const std::string broken = core_->check();
    if (broken.empty()) return;
    std::fprintf(stderr, "galaxy \"%s\": %s\n", name().c_str(), broken.c_str());
    std::abort();
}

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#include <galaxy/handle.hpp>

#include "galaxy_core.hpp"
#include "runtime/serial.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace galaxy {

namespace asio = boost::asio;

namespace {

// A get is a plain function that has looked into memory before it returns one of these. Each is a
// coroutine with nothing but values for parameters.

template <class T, class Found>
asio::awaitable<T> ready(Found found)
{
    co_return std::move(found);
}

/// For every so many hits of a thread: gives way to whatever else its context has to run.
template <class T, class Found>
asio::awaitable<T> ready_after_others(std::shared_ptr<GalaxyCore> core, Found found)
{
    // Deferred, as a frame of its own for the turn would be one more than Asio recycles.
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto turn = asio::post(executor, asio::deferred);
    co_await std::move(turn);
    core->tend_store(executor);
    co_return std::move(found);
}

/// The get, where the value is in memory.
template <class T>
std::optional<asio::awaitable<T>> ready_if_hit(const std::shared_ptr<GalaxyCore>& core,
                                               std::string_view key)
{
    bool yielding = false;
    std::optional<Value> hit = core->hit(key, yielding);
    if (!hit) return std::nullopt;
    if (yielding) return ready_after_others<T>(core, std::move(*hit));
    return ready<T>(std::move(*hit));
}

/// Calls a coroutine's handler with what `Translate` makes of the outcome.
template <class Handler, class Translate>
struct Translated {
    using cancellation_slot_type = asio::cancellation_slot;
    cancellation_slot_type get_cancellation_slot() const noexcept
    {
        return asio::get_associated_cancellation_slot(handler);
    }

    template <class T>
    void operator()(boost::system::error_code error, T value) &&
    {
        Translate()(std::move(handler), error, std::move(value));
    }

    Handler handler;
};

struct AsResult {
    template <class Handler>
    void operator()(Handler handler, boost::system::error_code error, Value value) const
    {
        std::move(handler)(error ? Result<Value>(error) : Result<Value>(std::move(value)));
    }
};

struct AsException {
    template <class Handler, class T>
    void operator()(Handler handler, boost::system::error_code error, T value) const
    {
        std::move(handler)(error ? exception_of(error) : nullptr, std::move(value));
    }

    static std::exception_ptr exception_of(boost::system::error_code error) noexcept
    {
        try {
            throw boost::system::system_error(error, "Galaxy::get");
        } catch (...) {
            return std::current_exception();  // which is bad_alloc, where there is no memory
        }
    }
};

/// Waits for what was not in memory: the coroutine's handler is the waiter's own.
template <class Signature, class Translate, class Ref>
auto missed(std::shared_ptr<GalaxyCore> core, Ref waiter)
{
    auto start = [core = std::move(core)](auto&& handler, Ref miss) {
        using Handler = std::decay_t<decltype(handler)>;
        const asio::any_io_executor executor = asio::get_associated_executor(handler);
        core->submit(std::move(miss), executor,
                     Translated<Handler, Translate>{std::forward<decltype(handler)>(handler)});
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, Signature>(
        std::move(start), asio::use_awaitable, std::move(waiter));
}

}  // namespace

asio::awaitable<Value> Galaxy::get(std::string_view key, GetOptions options) const
{
    if (auto ready = ready_if_hit<Value>(core_, key)) return std::move(*ready);
    return missed<void(std::exception_ptr, Value), AsException>(core_,
                                                                core_->waiter(key, options, true));
}

asio::awaitable<Result<Value>> Galaxy::try_get(std::string_view key, GetOptions options) const
{
    if (auto ready = ready_if_hit<Result<Value>>(core_, key)) return std::move(*ready);
    return missed<void(Result<Value>), AsResult>(core_, core_->waiter(key, options, true));
}

asio::awaitable<Galaxy::Results> Galaxy::get_many(Keys keys, GetOptions options) const
{
    ManyLook look = core_->look_up(keys);
    if (look.missed.empty() && look.yielding)
        return ready_after_others<Results>(core_, std::move(look.results));
    if (look.missed.empty()) return ready<Results>(std::move(look.results));
    if (look.yielding) core_->tend_store();
    return missed<void(std::exception_ptr, Results), AsException>(
        core_, core_->group(keys, std::move(look), core_->request(options)));
}

/// What `async_get` owns before it is initiated, for tokens that copy it.
struct Galaxy::Request {
    Waiter::Ref waiter;
};

void Galaxy::submit(const std::shared_ptr<GalaxyCore>& core,
                    const std::shared_ptr<Request>& request, const asio::any_io_executor& executor,
                    GetHandler handler)
{
    core->submit(request->waiter, executor, std::move(handler));
}

std::shared_ptr<Galaxy::Request> Galaxy::request(std::string_view key,
                                                 const GetOptions& options) const
{
    return std::make_shared<Request>(core_->waiter(key, options));
}

/// What `async_get_many` owns: it looks into memory when it is initiated, perhaps more than once.
struct Galaxy::ManyRequest {
    std::string bytes;  ///< of all keys
    std::vector<std::string_view> keys;
    GetRequest common;
};

std::shared_ptr<Galaxy::ManyRequest> Galaxy::request(const Keys& keys,
                                                     const GetOptions& options) const
{
    auto request = std::make_shared<ManyRequest>();
    request->common = core_->request(options);
    std::size_t size = 0;
    for (std::size_t i = 0; i != keys.size(); ++i) size += keys[i].size();
    request->bytes.reserve(size);
    request->keys.reserve(keys.size());
    for (std::size_t i = 0; i != keys.size(); ++i) {
        const char* begin = request->bytes.data() + request->bytes.size();
        request->bytes += keys[i];
        request->keys.emplace_back(begin, keys[i].size());
    }
    return request;
}

void Galaxy::submit_many(const std::shared_ptr<GalaxyCore>& core,
                         const std::shared_ptr<ManyRequest>& request,
                         const asio::any_io_executor& executor, GetManyHandler handler)
{
    Group::Ref group;
    try {
        ManyLook look = core->look_up(request->keys);
        if (look.yielding) core->tend_store();
        group = core->group(request->keys, std::move(look), request->common);
    } catch (const std::bad_alloc&) {
        return post_reserving(executor, [handler = std::move(handler)]() mutable {
            std::move(handler)(make_error_code(errc::refused), Results());
        });
    }
    core->submit(std::move(group), executor, std::move(handler));
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

// SPDX-License-Identifier: BSL-1.0
#include "flight/backend_call.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

namespace {

thread_local const LoadMark* innermost_load = nullptr;

/// The exception being handled, as the end of a load.
LoadEnd end_of_exception()
{
    try {
        throw;
    } catch (const boost::system::system_error& e) {
        return {e.code() ? e.code() : make_error_code(errc::backend_failed), {}, e.what()};
    } catch (const std::exception& e) {
        return {errc::backend_failed, {}, e.what()};
    } catch (...) {
        return {errc::backend_failed, {}, "something that is no std::exception"};
    }
}

}  // namespace

bool loading_here(const void* galaxy, std::string_view key) noexcept
{
    for (const LoadMark* mark = innermost_load; mark; mark = mark->outer) {
        if (mark->galaxy == galaxy && mark->key == key) return true;
    }
    return false;
}

LoadMark current_load() noexcept
{
    return innermost_load ? *innermost_load : LoadMark{};
}

LoadScope::LoadScope(const void* galaxy, std::string_view key) noexcept
    : mark_{galaxy, key, innermost_load}
{
    innermost_load = &mark_;
}

LoadScope::~LoadScope()
{
    innermost_load = mark_.outer;
}

BackendCall::BackendCall(std::shared_ptr<const Backend> backend, const void* galaxy,
                         std::string key, Done done)
    : backend_(std::move(backend)), galaxy_(galaxy), key_(std::move(key)), done_(std::move(done))
{
}

BackendCall::~BackendCall()
{
    end({errc::closed, {}, "the backend's executor is gone"});
}

void BackendCall::start(asio::any_io_executor executor, Cancellable cancellable)
{
    std::shared_ptr<asio::strand<asio::any_io_executor>> strand;
    if (cancellable == Cancellable::yes) {
        strand = std::make_shared<asio::strand<asio::any_io_executor>>(executor);
        strand_ = strand;
        executor = *strand;
    }
    asio::post(executor, [self = shared_from_this(), executor, strand] { self->spawn(executor); });
}

void BackendCall::cancel()
{
    const auto strand = strand_.lock();
    if (!strand) return;
    asio::post(*strand, [self = shared_from_this()] {
        self->signal_.emit(asio::cancellation_type::terminal);
    });
}

void BackendCall::spawn(asio::any_io_executor executor)
{
    const LoadScope here(galaxy_, key_);
    // On its own executor co_spawn starts inline: the mark holds until the load suspends. The
    // handler keeps the strand, where there is one, as long as the load runs and no longer.
    auto kept = strand_.lock();
    auto ended = [self = shared_from_this(), kept](std::exception_ptr) {};
    if (kept) {
        asio::co_spawn(executor, run(),
                       asio::bind_cancellation_slot(signal_.slot(), std::move(ended)));
    } else {
        asio::co_spawn(executor, run(), std::move(ended));
    }
}

asio::awaitable<void> BackendCall::run()
{
    LoadEnd result;
    try {
        asio::awaitable<Loaded> load = (*backend_)(key_);
        result.loaded = co_await std::move(load);
        if (!result.loaded->found()) result = {errc::not_found, {}, {}};
    } catch (...) {
        result = end_of_exception();
    }
    end(std::move(result));
}

void BackendCall::end(LoadEnd result)
{
    if (Done done = std::exchange(done_, nullptr)) done(std::move(result));
}

}  // namespace galaxy

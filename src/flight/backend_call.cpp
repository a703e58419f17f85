// SPDX-License-Identifier: BSL-1.0
#include "flight/backend_call.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
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

/// What a load under way holds: destroyed with it, wherever the load stands, it is its end.
class BackendCall::Underway {
public:
    explicit Underway(Ptr call) noexcept : call_(std::move(call)) {}
    Underway(Underway&&) noexcept = default;
    Underway& operator=(Underway&&) = delete;
    ~Underway()
    {
        if (call_) end({errc::closed, {}, "the backend's executor is gone"});
    }

    BackendCall& call() const noexcept { return *call_; }

    Ptr share() const noexcept { return call_; }
    Ptr release() noexcept { return std::exchange(call_, nullptr); }

    void end(LoadEnd how)
    {
        if (const Ptr call = std::exchange(call_, nullptr)) call->end(call, std::move(how));
    }

private:
    Ptr call_;
};

BackendCall::BackendCall(std::shared_ptr<const Backend> backend, const void* galaxy,
                         std::string_view key, Flight& flight) noexcept
    : backend_(std::move(backend)), galaxy_(galaxy), key_(key), flight_(flight)
{
}

bool BackendCall::begin(Ptr self, std::shared_ptr<LoadOwner> owner, asio::any_io_executor executor)
{
    BackendCall& call = *self;
    call.owner_ = std::move(owner);
    call.state_.store(State::beginning, std::memory_order_relaxed);
    const Ptr kept = self;
    call.spawn(Underway(std::move(self)), std::move(executor));
    return call.state_.exchange(State::away, std::memory_order_acq_rel) == State::ended;
}

void BackendCall::post(Ptr self, std::shared_ptr<LoadOwner> owner, asio::any_io_executor executor,
                       Cancellable cancellable)
{
    std::shared_ptr<Strand> strand;
    if (cancellable == Cancellable::yes) {
        strand = std::make_shared<Strand>(executor);
        self->strand_ = strand;
        executor = *strand;
    }
    self->owner_ = owner;
    asio::post(executor, [underway = Underway(std::move(self)), owner, executor, strand]() mutable {
        const Ptr call = underway.release();
        if (begin(call, owner, executor)) owner->load_ended(call);
    });
}

void BackendCall::cancel(Ptr self)
{
    const auto strand = self->strand_.lock();
    if (!strand) return;
    asio::post(*strand, [self] { self->signal_.emit(asio::cancellation_type::terminal); });
}

void BackendCall::spawn(Underway underway, asio::any_io_executor executor)
{
    const LoadScope here(galaxy_, key_);
    // On its own executor co_spawn starts inline: the mark holds until the load suspends. The
    // handler keeps the strand, where there is one, as long as the load runs and no longer.
    if (const auto kept = strand_.lock()) {
        auto ended = [call = underway.share(), kept](std::exception_ptr) {};
        asio::co_spawn(executor, run(std::move(underway)),
                       asio::bind_cancellation_slot(signal_.slot(), std::move(ended)));
    } else if (const auto* known = executor.target<asio::io_context::executor_type>()) {
        // As below, but for its work and its dispatches co_spawn need not go through erased types.
        asio::co_spawn(*known, run(std::move(underway)), [](std::exception_ptr) {});
    } else {
        asio::co_spawn(executor, run(std::move(underway)), [](std::exception_ptr) {});
    }
}

asio::awaitable<void> BackendCall::run(Underway underway)
{
    LoadEnd result;
    try {
        const BackendCall& call = underway.call();
        asio::awaitable<Loaded> load = (*call.backend_)(call.key_);
        result.loaded = co_await std::move(load);
        if (!result.loaded->found()) result = {errc::not_found, {}, {}};
    } catch (...) {
        result = end_of_exception();
    }
    underway.end(std::move(result));
}

void BackendCall::end(Ptr self, LoadEnd how)
{
    end_ = std::move(how);
    const std::shared_ptr<LoadOwner> owner = std::move(owner_);
    if (state_.exchange(State::ended, std::memory_order_acq_rel) == State::away)
        owner->load_ended(std::move(self));
}

}  // namespace galaxy

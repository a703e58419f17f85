// SPDX-License-Identifier: BSL-1.0
#include "flight/backend_call.hpp"

#include "quietly.hpp"
#include "runtime/serial.hpp"
#include "thrown.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

namespace {

thread_local const LoadMark* innermost_load = nullptr;

/// In Boost's words, which are what other code compares with.
boost::system::error_code translated(const std::error_code& code)
{
    if (code.category() == std::system_category())
        return {code.value(), boost::system::system_category()};
    if (code.category() == std::generic_category())
        return {code.value(), boost::system::generic_category()};
    return code;
}

/// The exception being handled, as the end of a load.
LoadEnd end_of_exception() noexcept
{
    Failure failure = Failure::thrown(errc::backend_failed);
    try {
        throw;
    } catch (const boost::system::system_error& e) {
        failure = Failure::thrown(e.code());
    } catch (const std::system_error& e) {
        failure = Failure::thrown(translated(e.code()));
    } catch (...) {
        // It has no code.
    }
    return {failure, {}, what_was_thrown()};
}

/// Why what a backend gave is no value, if it is none.
Failure failure_of(const Loaded& loaded)
{
    if (loaded.found()) return {};
    return loaded.fits() ? errc::not_found : errc::value_too_large;
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
        if (!call_) return;
        if (!call_->over_) {
            call_->end_ = {call_->starved_ ? errc::refused : errc::closed, {}, {}};
            if (!call_->starved_)
                quietly([this] { call_->end_.what = "the backend's executor is gone"; });
        }
        end();
    }

    BackendCall& call() const noexcept { return *call_; }

    Ptr share() const noexcept { return call_; }
    Ptr release() noexcept { return std::exchange(call_, nullptr); }
    void take_up(Ptr next) noexcept { call_ = std::move(next); }

    /// With what the call has for its end.
    void end()
    {
        if (const Ptr call = release()) call->end(call);
    }

private:
    Ptr call_;
};

BackendCall::BackendCall(std::shared_ptr<const Backend> backend, const void* galaxy,
                         std::string_view key, Flight& flight) noexcept
    : backend_(std::move(backend)), galaxy_(galaxy), key_(key), flight_(flight)
{
}

bool BackendCall::begin(Ptr self, std::shared_ptr<LoadOwner> owner,
                        const asio::any_io_executor& executor, Loaders* loaders)
{
    BackendCall& call = *self;
    call.owner_ = std::move(owner);
    call.loaders_ = loaders;
    call.state_.store(State::beginning, std::memory_order_relaxed);
    try {
        // The mark holds until the load suspends.
        const LoadScope here(call.galaxy_, call.key_);
        if (!loaders || !loaders->take_up(self)) call.spawn(Underway(self), executor);
    } catch (const std::bad_alloc&) {
        // The call is destroyed with what was to make it, or was.
        call.starved_ = true;
        if (call.state_.load() == State::ended) call.end_ = {errc::refused, {}, {}};
    }
    return call.state_.exchange(State::away, std::memory_order_acq_rel) == State::ended;
}

void BackendCall::post(Ptr self, std::shared_ptr<LoadOwner> owner, asio::any_io_executor executor,
                       Cancellable cancellable)
{
    self->owner_ = owner;
    Underway underway(self);
    try {
        std::shared_ptr<const asio::any_io_executor> strand;
        if (cancellable == Cancellable::yes) {
            strand = std::make_shared<const asio::any_io_executor>(strand_over(executor));
            self->strand_ = strand;
            executor = *strand;
        }
        auto there = [underway = std::move(underway), owner, executor, strand]() mutable {
            const Ptr call = underway.release();
            if (begin(call, owner, executor, nullptr)) owner->load_ended(call);
        };
        post_reserving(executor, std::move(there));
    } catch (const std::bad_alloc&) {
        // What was to be posted has brought its end home, if with another word.
        self->over_ = true;
        self->end_ = {errc::refused, {}, {}};
    }
}

void BackendCall::cancel(Ptr self)
{
    const auto strand = self->strand_.lock();
    if (!strand) return;
    quietly([&] {
        post_reserving(*strand, [self] { self->signal_.emit(asio::cancellation_type::terminal); });
    });
}

/// On its own executor co_spawn starts inline.
void BackendCall::spawn(Underway underway, const asio::any_io_executor& executor)
{
    // The handler keeps the strand, where there is one, as long as the load runs and no longer.
    if (const auto kept = strand_.lock()) {
        auto ended = [call = underway.share(), kept](std::exception_ptr) {};
        asio::co_spawn(executor, run(std::move(underway)),
                       asio::bind_cancellation_slot(signal_.slot(), std::move(ended)));
    } else {
        asio::co_spawn(executor, run(std::move(underway)), [](std::exception_ptr) {});
    }
}

/// A loader: this load, and those that it is resumed with.
asio::awaitable<void> BackendCall::run(Underway underway)
{
    ParkedLoader here;
    for (;;) {
        BackendCall& call = underway.call();
        LoadEnd& result = call.end_;
        try {
            asio::awaitable<Loaded> load = (*call.backend_)(call.key_);
            if (!load.valid()) throw std::logic_error("the backend gave nothing to await");
            result.loaded = co_await std::move(load);
            if (const Failure none = failure_of(*result.loaded)) result = {none, {}, {}};
        } catch (...) {
            result = end_of_exception();
        }
        call.over_ = true;
        Loaders* const loaders = call.loaders_;
        if (!loaders) co_return underway.end();

        // The end is told last, since whoever hears of it is to find the loader parked. From `park`
        // on this coroutine may be running elsewhere, or be gone. Where there is no memory to park,
        // it ends, and `underway` tells.
        auto parking = asio::async_initiate<const asio::use_awaitable_t<>, void(Ptr)>(
            [&](auto&& handler) {
                const Ptr ended = underway.release();
                const std::shared_ptr<LoadOwner> owner = ended->owner_;  // of the loaders
                here.emplace(std::forward<decltype(handler)>(handler));
                loaders->park(here);
                ended->end(ended);
            },
            asio::use_awaitable);
        Ptr next = co_await std::move(parking);
        if (!next) co_return;
        underway.take_up(std::move(next));
    }
}

void BackendCall::end(Ptr self)
{
    const std::shared_ptr<LoadOwner> owner = std::move(owner_);
    backend_.reset();  // here, where the backend's code runs, and not on the strand
    if (state_.exchange(State::ended, std::memory_order_acq_rel) == State::away)
        owner->load_ended(std::move(self));
}

}  // namespace galaxy

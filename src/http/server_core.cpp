// SPDX-License-Identifier: BSL-1.0
#include "http/server_core.hpp"

#include "http/options.hpp"
#include "http/tls_context.hpp"

#include <galaxy/error.hpp>
#include <galaxy/universe.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

namespace {

/// What all incomplete headers together may hold.
constexpr std::size_t header_budget = std::size_t{1} << 20;
/// Connections beyond the limit that are being told so, at once.
constexpr std::size_t most_turned_away = 32;
/// How long nothing is accepted where the process has no descriptor left.
constexpr std::chrono::milliseconds accept_pause{20};

std::size_t connection_limit(const ServerOptions& options)
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return options.max_connections;
    }
    const auto descriptors = static_cast<std::size_t>(limit.rlim_cur);
    const std::size_t free =
        descriptors > options.spare_descriptors ? descriptors - options.spare_descriptors : 1;
    return std::min(options.max_connections, free);
}

/// How often deadlines are looked at: late by a quarter of the shortest, at most a second.
Duration tick_of(const ServerOptions& options)
{
    const Duration shortest =
        std::min({options.header_timeout, options.body_timeout, options.idle_timeout});
    return std::clamp<Duration>(shortest / 4, std::chrono::milliseconds(5),
                                std::chrono::milliseconds(500));
}

}  // namespace

ServerOptions checked(ServerOptions options)
{
    check(options.paths);
    check(options.stream);
    require(options.max_connections > 0, "max_connections must be positive");
    require(options.max_header > 0, "max_header must be positive");
    require(options.max_body > 0, "max_body must be positive");
    require(options.header_timeout > Duration::zero(), "header_timeout must be positive");
    require(options.body_timeout > Duration::zero(), "body_timeout must be positive");
    require(options.idle_timeout > Duration::zero(), "idle_timeout must be positive");
    if (options.tls) options.tls.context()->check_server();
    boost::system::error_code bad;
    asio::ip::make_address(options.address, bad);
    require(!bad, "address \"" + options.address + "\" must be a numeric IPv4 or IPv6 address");
    return options;
}

/// Keeps the executor beside the handler, and work on it, until the drain is over.
struct Server::Core::Drain {
    Drain(DrainHandler h, const asio::any_io_executor& executor)
        : handler(std::move(h)),
          work(executor),
          slot(asio::get_associated_cancellation_slot(handler))
    {
    }

    DrainHandler handler;
    asio::executor_work_guard<asio::any_io_executor> work;
    asio::cancellation_slot slot;
};

Server::Core::Io::Io(const asio::any_io_executor& executor)
    : strand(asio::make_strand(executor)),
      acceptor(strand),
      tick(strand),
      pause(strand),
      grace(strand)
{
}

Server::Core::Core(const Universe& universe, ServerOptions options)
    : Enrolment(universe.get_executor()),
      options_(std::move(options)),
      handler_(universe, options_.paths, options_.stream, options_.secret),
      responder_(universe.responder()),
      max_connections_(connection_limit(options_)),
      tick_(tick_of(options_)),
      executor_(universe.get_executor()),
      io_(std::make_unique<Io>(executor_))
{
}

Server::Core::~Core()
{
    leave([this] {
        io_.reset();
        executor_ = {};
    });
}

void Server::Core::begin()
{
    const tcp::endpoint endpoint(asio::ip::make_address(options_.address), options_.port);
    io_->acceptor.open(endpoint.protocol());
    io_->acceptor.set_option(tcp::acceptor::reuse_address(true));
    io_->acceptor.bind(endpoint);
    io_->acceptor.listen();
    port_ = io_->acceptor.local_endpoint().port();
    post([](Core& self) {
        self.accept();
        self.look_at_deadlines();
    });
}

/// Runs `f(*this)` on the strand, unless the context is gone.
template <class F>
void Server::Core::post(F f)
{
    const std::lock_guard lock(mutex_);
    if (!io_) return;
    asio::post(io_->strand, [self = shared_from_this(), f = std::move(f)]() mutable { f(*self); });
}

void Server::Core::accept()
{
    if (!io_->acceptor.is_open()) return;
    const asio::any_io_executor strand = asio::make_strand(executor_);
    io_->acceptor.async_accept(strand,
                               [self = shared_from_this()](error_code error, tcp::socket socket) {
                                   self->accepted(error, std::move(socket));
                               });
}

void Server::Core::accepted(error_code error, tcp::socket socket)
{
    if (!io_->acceptor.is_open()) return;
    if (!error) {
        admit(std::move(socket));
    } else if (error != asio::error::connection_aborted) {
        make_room();
        return pause_accepting();
    }
    accept();
}

/// Out of descriptors or memory: trying again at once would spin.
void Server::Core::pause_accepting()
{
    io_->pause.expires_after(accept_pause);
    io_->pause.async_wait([self = shared_from_this()](error_code error) {
        if (!error) self->accept();
    });
}

void Server::Core::admit(tcp::socket socket)
{
    auto session = std::make_shared<Session>(shared_from_this(), std::move(socket));
    bool full = false;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        full = sessions_.size() >= max_connections_;
        sessions_.insert(session.get());
    }
    if (!full || make_room()) return session->start(Session::Welcome::served);
    // Everybody is busy. Only so many are told: the others see their connection closed.
    if (connections() < max_connections_ + most_turned_away) {
        session->start(Session::Welcome::turned_away);
    }
}

/// Drops the connection that has waited longest for a request. False where all are answering one.
bool Server::Core::make_room()
{
    std::shared_ptr<Session> quietest;
    {
        const std::lock_guard lock(mutex_);
        Session::Clock::duration since = Session::Clock::duration::max();
        Session* found = nullptr;
        for (Session* session : sessions_) {
            if (session->quiet_since() < since) {
                since = session->quiet_since();
                found = session;
            }
        }
        if (found) quietest = found->weak_from_this().lock();
        if (!quietest) return false;
        quietest->doom();
    }
    post_all({quietest}, &Session::drop_if_quiet);
    return true;
}

void Server::Core::look_at_deadlines()
{
    if (stopped_) return;  // this tick was on its way when the timer was cancelled
    const Session::Clock::time_point now = Session::Clock::now();
    Sessions expired = sessions();
    std::erase_if(expired, [now](const auto& session) { return !session->expired(now); });
    post_all(expired, &Session::drop_if_expired);
    io_->tick.expires_after(tick_);
    io_->tick.async_wait([self = shared_from_this()](error_code error) {
        if (!error) self->look_at_deadlines();
    });
}

bool Server::Core::reserve(std::size_t bytes) noexcept
{
    if (header_bytes_.fetch_add(bytes) + bytes <= header_budget) return true;
    header_bytes_ -= bytes;
    return false;
}

void Server::Core::left(Session* session) noexcept
{
    bool last = false;
    {
        const std::lock_guard lock(mutex_);
        sessions_.erase(session);
        last = finishing_ && sessions_.empty();
    }
    if (last) post([](Core& self) { self.end_if_last(); });
}

std::size_t Server::Core::connections() const noexcept
{
    const std::lock_guard lock(mutex_);
    return sessions_.size();
}

Server::Core::Sessions Server::Core::sessions() const
{
    Sessions living;
    const std::lock_guard lock(mutex_);
    living.reserve(sessions_.size());
    for (Session* session : sessions_) {
        // One whose last owner is leaving now is of no interest any more.
        if (std::shared_ptr<Session> one = session->weak_from_this().lock()) {
            living.push_back(std::move(one));
        }
    }
    return living;
}

void Server::Core::post_all(const Sessions& sessions, void (Session::*what)())
{
    for (const std::shared_ptr<Session>& session : sessions) {
        asio::post(session->executor(), [session, what] { (*session.*what)(); });
    }
}

void Server::Core::close()
{
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(closed_, true)) return;
    }
    post([](Core& self) { self.stop(); });
}

void Server::Core::stop()
{
    error_code ignored;
    finishing_ = true;
    stopped_ = true;
    io_->acceptor.close(ignored);
    io_->tick.cancel();
    io_->pause.cancel();
    io_->grace.cancel();
    post_all(sessions(), &Session::drop);
    end_drains(asio::error::operation_aborted);
}

void Server::Core::drain(Duration grace, asio::any_io_executor executor, DrainHandler handler)
{
    auto drain = std::make_shared<Drain>(std::move(handler), std::move(executor));
    if (drain->slot.is_connected()) {
        drain->slot.assign([weak = weak_from_this()](asio::cancellation_type) {
            if (const std::shared_ptr<Core> core = weak.lock()) core->close();
        });
    }
    post([drain, grace](Core& self) { self.begin_drain(grace, drain); });
}

void Server::Core::begin_drain(Duration grace, std::shared_ptr<Drain> drain)
{
    bool first = false;
    bool closed = false;
    {
        const std::lock_guard lock(mutex_);
        first = drains_.empty();
        closed = closed_;
        drains_.push_back(std::move(drain));
    }
    if (closed) return end_drains(asio::error::operation_aborted);
    if (!first) return;
    io_->grace.expires_after(grace);
    io_->grace.async_wait([self = shared_from_this(), grace](error_code error) {
        if (!error) self->finish(grace);
    });
}

/// The first half of a drain is over: nobody new, nothing new, and an end in sight.
void Server::Core::finish(Duration grace)
{
    if (stopped_) return;
    error_code ignored;
    finishing_ = true;
    io_->acceptor.close(ignored);
    io_->pause.cancel();
    post_all(sessions(), &Session::drop_if_idle);
    io_->grace.expires_after(grace);
    io_->grace.async_wait([self = shared_from_this()](error_code error) {
        if (error) return;
        self->end_drains({});
        self->close();
    });
    end_if_last();
}

void Server::Core::end_if_last()
{
    if (connections() > 0) return;
    end_drains({});
    close();
}

void Server::Core::end_drains(error_code error)
{
    std::vector<std::shared_ptr<Drain>> drains;
    {
        const std::lock_guard lock(mutex_);
        drains.swap(drains_);
    }
    for (const std::shared_ptr<Drain>& drain : drains) {
        asio::post(drain->work.get_executor(), [drain, error] {
            drain->slot.clear();
            std::move(drain->handler)(error);
        });
    }
}

void Server::Core::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    garbage.take(std::move(io_));
    garbage.take(std::exchange(executor_, {}));
    garbage.take(std::exchange(drains_, {}));
    for (Session* session : sessions_) session->let_go(garbage);
}

}  // namespace galaxy::http

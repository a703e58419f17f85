// SPDX-License-Identifier: BSL-1.0
#include "http/server_core.hpp"

#include "http/options.hpp"
#include "http/sockets.hpp"
#include "http/tls_context.hpp"
#include "moments.hpp"
#include "quietly.hpp"
#include "runtime/reserve.hpp"
#include "runtime/serial.hpp"

#include <galaxy/error.hpp>
#include <galaxy/universe.hpp>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/system_executor.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

namespace {

/// Connections beyond the limit that are being told so, at once.
constexpr std::size_t most_turned_away = 32;
/// How many connections are accepted in one turn.
constexpr std::size_t most_accepted = 16;
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
    require(options.max_held > 0, "max_held must be positive");
    require(options.patience > Duration::zero(), "patience must be positive");
    require(options.header_timeout > Duration::zero(), "header_timeout must be positive");
    require(options.body_timeout > Duration::zero(), "body_timeout must be positive");
    require(options.idle_timeout > Duration::zero(), "idle_timeout must be positive");
    require(options.max_wait > Duration::zero(), "max_wait must be positive");
    if (options.tls) options.tls.context()->check_server();
    boost::system::error_code bad;
    asio::ip::make_address(options.address, bad);
    require(!bad, "address \"" + options.address + "\" must be a numeric IPv4 or IPv6 address");
    return options;
}

Server::Core::Io::Io(const asio::any_io_executor& executor)
    : strand(strand_over(executor)), acceptor(strand), tick(strand), pause(strand), grace(strand)
{
}

Server::Core::Core(const Universe& universe, ServerOptions options)
    : Enrolment(universe.get_executor()),
      options_(std::move(options)),
      handler_(universe, {options_.paths, options_.stream, options_.secret, options_.max_wait}),
      responder_(universe.responder()),
      quick_(responder_, options_.paths, options_.secret, options_.max_header),
      holdings_(std::make_shared<Holdings>(options_.max_held)),
      max_connections_(connection_limit(options_)),
      tick_(tick_of(options_)),
      protocol_(asio::ip::make_address(options_.address).is_v6() ? tcp::v6() : tcp::v4()),
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
    error_code error;
    open(io_->acceptor, protocol_, error);
    if (error) throw boost::system::system_error(error, "galaxy::http::serve");
    io_->acceptor.non_blocking(true);
    io_->acceptor.set_option(tcp::acceptor::reuse_address(true));
    io_->acceptor.bind(endpoint);
    io_->acceptor.listen();
    port_ = io_->acceptor.local_endpoint().port();
    post([](Core& self) {
        self.accept();
        self.look_at_deadlines();
    });
}

/// Says whether the server still waits for something: no longer once the handler that holds this
/// has been called, or was destroyed, as happens where there is no memory to call it. Accepting and
/// the tick look after each other.
class Server::Core::Pending {
public:
    Pending(std::shared_ptr<Core> core, std::atomic<bool> Core::* what) noexcept
        : core_(std::move(core)), what_(what)
    {
        (*core_).*what_ = true;
    }
    Pending(Pending&&) noexcept = default;
    Pending& operator=(Pending&&) = delete;
    ~Pending()
    {
        if (core_) (*core_).*what_ = false;
    }

    std::shared_ptr<Core> take() noexcept
    {
        (*core_).*what_ = false;
        return std::move(core_);
    }

private:
    std::shared_ptr<Core> core_;
    std::atomic<bool> Core::* what_;
};

/// Runs `f(*this)` on the strand. False where the context is gone.
template <class F>
bool Server::Core::post(F f)
{
    const std::lock_guard lock(mutex_);
    if (!io_) return false;
    post_reserving(io_->strand,
                   [self = shared_from_this(), f = std::move(f)]() mutable { f(*self); });
    return true;
}

void Server::Core::accept()
{
    if (!io_->acceptor.is_open() || accepting_) return;
    auto come = [pending =
                     Pending(shared_from_this(), &Core::accepting_)](error_code error) mutable {
        const std::shared_ptr<Core> core = pending.take();
        if (!error) core->come();
    };
    io_->acceptor.async_wait(tcp::acceptor::wait_read,
                             asio::bind_allocator(ReservingAllocator<void>(), std::move(come)));
}

void Server::Core::come()
{
    try {
        if (!ticking_) look_at_deadlines();
        take_in();
    } catch (const std::bad_alloc&) {
        pause_accepting();  // the connection in hand is closed
    }
}

/// Those who wait, but not too many in one turn.
void Server::Core::take_in()
{
    for (std::size_t i = 0; i != most_accepted; ++i) {
        if (!io_->acceptor.is_open()) return;
        error_code error;
        Descriptor taken = http::accept(io_->acceptor, error);
        if (error == asio::error::would_block) break;
        tcp::socket socket(strand_over(executor_));
        if (!error) adopt(socket, protocol_, std::move(taken), error);
        if (is_shortage(error)) {
            make_room();
            return pause_accepting();
        }
        if (!error) admit(std::move(socket));  // else it was of that one, which is gone
    }
    accept();
}

/// Out of descriptors or memory: trying again at once would spin.
void Server::Core::pause_accepting()
{
    io_->pause.expires_after(accept_pause);
    auto over = [self = shared_from_this()](error_code error) {
        if (!error) self->accept();
    };
    io_->pause.async_wait(asio::bind_allocator(ReservingAllocator<void>(), std::move(over)));
}

void Server::Core::admit(tcp::socket socket)
{
    auto session = std::make_shared<Session>(shared_from_this(), std::move(socket));
    make_room_in_list();
    bool full = false;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        full = sessions_.size() >= max_connections_;
        std::size_t& of_host = by_host_[session->host()];
        sessions_.insert(session.get());
        ++of_host;
    }
    // Who was chosen may take its time to go, and is not replaced without end.
    const bool any_place = connections() < max_connections_ + most_turned_away;
    if (!full || (any_place && make_room())) return session->start(Session::Welcome::served);
    ++turned_away_;
    // Everybody is busy. Only so many are told: the others see their connection closed.
    if (any_place) {
        session->start(Session::Welcome::turned_away);
    }
}

/// Has the connection go that can be missed most. False where there is none.
bool Server::Core::make_room()
{
    const std::shared_ptr<Session> first = choose_to_go();
    if (first) tell(first, &Session::make_room);
    return first != nullptr;
}

std::shared_ptr<Session> Server::Core::choose_to_go() noexcept
{
    const std::lock_guard lock(mutex_);
    const Standing::Clock::time_point now = Standing::Clock::now();
    for (;;) {
        Session* first = nullptr;
        std::optional<Standing::Turn> least;
        for (Session* const session : sessions_) {
            const std::size_t of_host = by_host_.find(session->host())->second;
            const Standing::Turn turn = session->standing().turn(now, of_host);
            if (least && !(turn < *least)) continue;
            least = turn;
            first = session;
        }
        if (!least || !least->may_go()) return nullptr;
        if (!first->standing().choose(*least)) continue;
        // Null where it is just ending by itself: then another goes.
        if (auto session = first->weak_from_this().lock()) return session;
    }
}

void Server::Core::look_at_deadlines()
{
    if (stopped_) return;  // this tick was on its way when the timer was cancelled
    if (is_closed()) return stop();
    step_if_due();
    io_->tick.expires_after(tick_);
    auto next = [pending = Pending(shared_from_this(), &Core::ticking_)](error_code error) mutable {
        const std::shared_ptr<Core> core = pending.take();
        if (!error) core->look_at_deadlines();
    };
    io_->tick.async_wait(asio::bind_allocator(ReservingAllocator<void>(), std::move(next)));
    // What there is no memory for now is done at the next tick.
    quietly([&] {
        if (!accepting_) accept();
    });
    holdings_->look();  // what was in memory anyhow may have been evicted since
    const Session::Clock::time_point now = Session::Clock::now();
    each_session([now](const std::shared_ptr<Session>& session) {
        if (session->expired(now)) tell(session, &Session::end_if_expired);
    });
}

void Server::Core::left(Session* session) noexcept
{
    bool last = false;
    {
        const std::lock_guard lock(mutex_);
        if (sessions_.erase(session) != 0) {
            const auto of_host = by_host_.find(session->host());
            if (--of_host->second == 0) by_host_.erase(of_host);
        }
        last = finishing_ && sessions_.empty();
    }
    if (last) quietly([this] { post([](Core& self) { self.end_if_last(); }); });
}

asio::any_io_executor Server::Core::executor() const
{
    const std::lock_guard lock(mutex_);
    return executor_ ? executor_ : asio::any_io_executor(asio::system_executor());
}

std::size_t Server::Core::connections() const noexcept
{
    const std::lock_guard lock(mutex_);
    return sessions_.size();
}

ServerStats Server::Core::stats() const noexcept
{
    return {.connections_now = connections(),
            .max_connections = max_connections_,
            .held_bytes = holdings_->bytes(),
            .max_held = holdings_->limit(),
            .ended_for_room = ended_for_room_,
            .ended_for_memory = holdings_->gave_way(),
            .turned_away = turned_away_};
}

/// Before a session is taken in: an end may find no memory for a list of all of them.
void Server::Core::make_room_in_list()
{
    const std::size_t needed = connections() + 1;
    if (list_.capacity() < needed) list_.reserve(2 * needed);
}

/// Of those that live. Calls `f` with no lock held, as it may end one.
template <class F>
void Server::Core::each_session(F f) noexcept
{
    {
        const std::lock_guard lock(mutex_);
        for (Session* session : sessions_) {
            // One whose last owner is leaving now is of no interest any more.
            if (std::shared_ptr<Session> one = session->weak_from_this().lock()) {
                list_.push_back(std::move(one));
            }
        }
    }
    for (const std::shared_ptr<Session>& session : list_) f(session);
    list_.clear();
}

void Server::Core::tell(const std::shared_ptr<Session>& session, void (Session::*what)()) noexcept
{
    quietly([&] { post_reserving(session->executor(), [session, what] { (*session.*what)(); }); });
}

bool Server::Core::is_closed() const
{
    const std::lock_guard lock(mutex_);
    return closed_;
}

/// Where there is no memory to say so, the next tick sees it.
void Server::Core::close() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(closed_, true)) return;
    }
    quietly([this] { post([](Core& self) { self.stop(); }); });
}

void Server::Core::stop()
{
    if (std::exchange(stopped_, true)) return;
    error_code ignored;
    finishing_ = true;
    io_->acceptor.close(ignored);
    io_->tick.cancel();
    io_->pause.cancel();
    io_->grace.cancel();
    next_step_ = nullptr;
    each_session([](const std::shared_ptr<Session>& session) { tell(session, &Session::drop); });
    end_drains(asio::error::operation_aborted);
}

void Server::Core::drain(Duration grace, asio::any_io_executor executor, DrainHandler handler)
{
    auto drain =
        std::make_shared<EndHandler>(std::move(handler), std::move(executor), this->executor());
    drain->begin([&] {
        drain->on_cancel([weak = weak_from_this()] {
            if (const std::shared_ptr<Core> core = weak.lock()) core->close();
        });
        auto begin = [one = Drains(1, drain), grace](Core& self) mutable {
            self.begin_drain(grace, std::move(one));
        };
        if (!post(std::move(begin))) drain->complete(errc::closed);
    });
}

/// Takes the step once the time is over. The tick looks at it, too, as the timer's handler may find
/// no memory.
void Server::Core::step_after(Duration grace, void (Core::*step)())
{
    next_step_ = step;
    step_at_ = after(Session::Clock::now(), grace);
    io_->grace.expires_at(step_at_);
    auto over = [self = shared_from_this()](error_code error) {
        if (!error) self->step_if_due();
    };
    quietly([&] {
        io_->grace.async_wait(asio::bind_allocator(ReservingAllocator<void>(), std::move(over)));
    });
}

void Server::Core::step_if_due()
{
    if (!next_step_ || Session::Clock::now() < step_at_) return;
    (this->*std::exchange(next_step_, nullptr))();
}

void Server::Core::begin_drain(Duration grace, Drains drain)
{
    bool first = false;
    bool closed = false;
    {
        const std::lock_guard lock(mutex_);
        first = drains_.empty();
        closed = closed_;
        drains_.splice(drains_.end(), drain);
    }
    if (closed) return end_drains(asio::error::operation_aborted);
    if (!first) return;
    grace_ = grace;
    step_after(grace, &Core::finish);
}

/// The first half of a drain is over: nobody new, nothing new, and an end in sight.
void Server::Core::finish()
{
    error_code ignored;
    finishing_ = true;
    io_->acceptor.close(ignored);
    io_->pause.cancel();
    step_after(grace_, &Core::end);
    each_session(
        [](const std::shared_ptr<Session>& session) { tell(session, &Session::drop_if_idle); });
    end_if_last();
}

void Server::Core::end_if_last()
{
    if (connections() == 0) end();
}

void Server::Core::end()
{
    end_drains({});
    close();
}

void Server::Core::end_drains(error_code error)
{
    Drains drains;
    {
        const std::lock_guard lock(mutex_);
        drains.swap(drains_);
    }
    for (const std::shared_ptr<EndHandler>& drain : drains)
        quietly([&] { drain->complete(error); });
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

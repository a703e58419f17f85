// SPDX-License-Identifier: BSL-1.0
#include "http/dialing.hpp"

#include "http/guarded.hpp"
#include "http/sockets.hpp"
#include "http/tls_context.hpp"
#include "moments.hpp"
#include "quietly.hpp"
#include "runtime/reserve.hpp"
#include "runtime/serial.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

namespace {

/// The part of its time after which a dialing goes by what its name stood for last.
constexpr int patience_divisor = 4;

bool is_ours(const boost::system::error_code& why) noexcept
{
    return is_of_this_side(why) || why == errc::busy || why == asio::error::no_memory;
}

}  // namespace

FetchResult unreached(boost::system::error_code error, std::string detail)
{
    FetchResult result;
    result.error = error;
    result.detail = std::move(detail);
    result.neutral = error == errc::busy;
    return result;
}

std::shared_ptr<Dialing> Dialing::start(const asio::any_io_executor& strand,
                                        const Endpoint& endpoint, const Tls& tls, Duration timeout,
                                        Done done)
{
    const std::shared_ptr<Dialing> dialing(
        new Dialing(strand, endpoint, tls, timeout, std::move(done)));
    try {
        dialing->begin();
    } catch (...) {
        dialing->cancel();
        throw;
    }
    dialing->begun_ = true;
    return dialing;
}

Dialing::Dialing(const asio::any_io_executor& strand, const Endpoint& endpoint, const Tls& tls,
                 Duration timeout, Done done)
    : strand_(strand),
      endpoint_(endpoint),
      tls_(tls),
      timeout_(timeout),
      end_(after(Clock::now(), timeout)),
      done_(std::move(done)),
      race_(end_),
      pace_(strand),
      deadline_(strand)
{
}

template <class Step>
auto Dialing::then(Step step)
{
    return asio::bind_allocator(ReservingAllocator<void>(),
                                Guarded(shared_from_this(), std::move(step)));
}

/// There was no memory to go on.
void Dialing::starved() noexcept
{
    if (begun_) quietly([this] { fail(errc::busy, {}); });
}

void Dialing::begin()
{
    deadline_.expires_at(end_);
    deadline_.async_wait(then([](Dialing& self, error_code error) {
        if (!error && self.done_) self.too_late();
    }));
    error_code not_numeric;
    const asio::ip::address address = asio::ip::make_address(endpoint_.host, not_numeric);
    if (not_numeric) return look_up();
    race_.add({address});
    proceed();
}

// The name

void Dialing::look_up()
{
    lookups_ = Lookups::of_process();
    inquiry_ = std::make_shared<Inquiry>(strand_, [self = shared_from_this()](FoundPtr found) {
        Guarded(self, [&found](Dialing& dialing) {
            if (dialing.done_ && dialing.inquiry_) dialing.looked_up(*found);
        })();
    });
    lookups_->ask(endpoint_.host, inquiry_);
    if (!lookups_->last_good(endpoint_.host).empty())
        wake_at(after(Clock::now(), timeout_ / patience_divisor));
}

void Dialing::looked_up(const Found& found)
{
    lookup_begun_ = inquiry_->begun();
    inquiry_.reset();
    lookup_error_ = found.error;
    if (transport_) return;
    race_.add(found.addresses.empty() ? lookups_->last_good(endpoint_.host) : found.addresses);
    proceed();
}

// The addresses

void Dialing::proceed()
{
    if (race_.is_empty() && inquiry_) race_.add(lookups_->last_good(endpoint_.host));
    while (const std::optional<Race::Address> address = race_.next(Clock::now())) {
        attempt(*address);
    }
    if (race_.is_lost()) {
        if (!inquiry_)
            post_reserving(strand_, Guarded(shared_from_this(), std::mem_fn(&Dialing::lost)));
    } else {
        wake_at(race_.due());
    }
}

void Dialing::wake_at(Clock::time_point when)
{
    if (when == Clock::time_point::max()) return;
    pace_.expires_at(when);
    pace_.async_wait(then([](Dialing& self, error_code error) {
        if (!error && self.done_ && !self.transport_) self.proceed();
    }));
}

void Dialing::attempt(const Race::Address& address)
{
    first_attempt_ = std::min(first_attempt_, Clock::now());
    const tcp::endpoint endpoint(address, endpoint_.port);
    const auto socket = std::make_shared<tcp::socket>(strand_);
    attempts_.push_back(socket);
    error_code error;
    open(*socket, endpoint.protocol(), error);
    if (error) {
        return post_reserving(strand_, Guarded(shared_from_this(), [socket, error](Dialing& self) {
                                  self.attempted(socket, error);
                              }));
    }
    socket->async_connect(
        endpoint, then([socket](Dialing& self, error_code why) { self.attempted(socket, why); }));
}

void Dialing::attempted(const SocketPtr& socket, error_code error)
{
    if (std::erase(attempts_, socket) == 0) return;  // it came too late
    if (!error && is_connected_to_itself(*socket)) error = asio::error::connection_refused;
    if (!error) socket->non_blocking(true, error);
    if (!error) return connected(std::move(*socket));
    race_.failed(error);
    proceed();
}

void Dialing::connected(tcp::socket socket)
{
    abandon_attempts();
    pace_.cancel();
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    transport_.emplace(std::move(socket));
    if (tls_) return shake_hands();
    succeed();
}

void Dialing::shake_hands()
{
    transport_->secure_with([this](tcp::socket socket) {
        return tls_.context()->client(std::move(socket), endpoint_.host);
    });
    transport_->async_handshake(then([](Dialing& self, error_code error) {
        if (!self.done_) return;
        if (!error) return self.succeed();
        self.fail(is_shortage(error) ? errc::busy : errc::peer_unreachable,
                  "TLS: " + self.transport_->secure()->explain(error));
    }));
}

// The end

void Dialing::lost()
{
    if (!done_) return;
    const bool tried = static_cast<bool>(race_.why());
    const error_code why = tried ? race_.why() : lookup_error_;
    fail(is_ours(why) ? errc::busy : errc::peer_unreachable,
         (tried ? "connecting: " : "resolving: ") + why.message());
}

void Dialing::too_late()
{
    if (is_over() || is_shortage(race_.why())) return lost();
    if (!had_its_time()) return fail(errc::busy, "resolving: too many names that hang");
    fail(errc::peer_unreachable,
         race_.is_empty() ? "resolving: no answer in time" : "no connection in time");
}

/// Whether nothing more can come: why it failed is known, and on its way.
bool Dialing::is_over() const noexcept
{
    return race_.is_lost() && !inquiry_;
}

/// Whether the lookup or the addresses had half of it, and so not most was spent in line.
bool Dialing::had_its_time() const
{
    const Clock::time_point half = end_ - timeout_ / 2;
    const std::optional<Clock::time_point> begun = inquiry_ ? inquiry_->begun() : lookup_begun_;
    return first_attempt_ <= half || (begun && *begun <= half);
}

void Dialing::succeed()
{
    if (const Done done = finish()) done({{}, {}, std::move(transport_)});
}

void Dialing::fail(error_code error, std::string why)
{
    const Done done = finish();
    if (!done) return;
    if (transport_) transport_->close();
    done({error, std::move(why), std::nullopt});
}

void Dialing::cancel()
{
    if (finish() && transport_) transport_->close();
}

/// Empty where it is over already.
Dialing::Done Dialing::finish()
{
    deadline_.cancel();
    pace_.cancel();
    if (inquiry_) inquiry_->withdraw();
    inquiry_.reset();
    abandon_attempts();
    return std::exchange(done_, nullptr);
}

void Dialing::abandon_attempts()
{
    error_code ignored;
    for (const SocketPtr& socket : std::exchange(attempts_, {})) socket->close(ignored);
}

}  // namespace galaxy::http

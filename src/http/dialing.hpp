// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/lookups.hpp"
#include "http/race.hpp"
#include "http/transport.hpp"
#include "http/wire.hpp"

#include <galaxy/fetch.hpp>
#include <galaxy/http/tls.hpp>
#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace galaxy::http {

template <class Owner, class Step>
class Guarded;

/// What came of dialing.
struct Dialed {
    boost::system::error_code error;     ///< none: it is connected
    std::string detail;                  ///< for the log
    std::optional<Transport> transport;  ///< hands are shaken where TLS is spoken
};

/// What that means for a request: `errc::busy` is this process's trouble, and neutral.
FetchResult unreached(boost::system::error_code error, std::string detail);

/// One attempt to reach a peer: looks its name up, connects to whichever of its addresses is there
/// first and shakes hands, all within one time. On the strand that it is given. It owns its sockets
/// until the end, as what is under way looks at them even after they were closed.
///
/// It ends with `errc::peer_unreachable`, or `errc::busy` where this process could not try: no
/// descriptor, no port, no memory, too many names being looked up. A name whose lookup is slow or
/// fails stands for what it stood for last.
class Dialing final : public std::enable_shared_from_this<Dialing> {
public:
    using Done = std::function<void(Dialed)>;

    /// `tls` is empty where the peer is spoken to in plain. `done` is called once, never inside;
    /// not where the context goes first.
    static std::shared_ptr<Dialing> start(const boost::asio::any_io_executor& strand,
                                          const Endpoint& endpoint, const Tls& tls,
                                          Duration timeout, Done done);

    /// Ends it; `done` will not be called.
    void cancel();

private:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;
    using Clock = std::chrono::steady_clock;
    using SocketPtr = std::shared_ptr<tcp::socket>;

    Dialing(const boost::asio::any_io_executor& strand, const Endpoint& endpoint, const Tls& tls,
            Duration timeout, Done done);

    template <class Owner, class Step>
    friend class Guarded;
    template <class Step>
    auto then(Step step);
    const boost::asio::any_io_executor& executor() const noexcept { return strand_; }
    void starved() noexcept;

    void begin();
    void look_up();
    void looked_up(const Found& found);
    void proceed();
    void wake_at(Clock::time_point when);
    void attempt(const Race::Address& address);
    void attempted(const SocketPtr& socket, error_code error);
    void connected(tcp::socket socket);
    void shake_hands();
    void lost();
    void too_late();
    bool is_over() const noexcept;
    bool had_its_time() const;
    void succeed();
    void fail(error_code error, std::string why);
    Done finish();
    void abandon_attempts();

    const boost::asio::any_io_executor strand_;
    const Endpoint endpoint_;
    const Tls tls_;
    const Duration timeout_;
    const Clock::time_point end_;
    Done done_;           ///< empty: over
    bool begun_ = false;  ///< from now on `done_` may be called

    std::shared_ptr<Lookups> lookups_;  ///< of a name
    std::shared_ptr<Inquiry> inquiry_;  ///< until it is answered
    error_code lookup_error_;
    std::optional<Clock::time_point> lookup_begun_;  ///< of one that has ended
    Race race_;
    Clock::time_point first_attempt_ = Clock::time_point::max();
    std::vector<SocketPtr> attempts_;     ///< under way
    std::optional<Transport> transport_;  ///< once connected
    boost::asio::steady_timer pace_;      ///< of the attempts
    boost::asio::steady_timer deadline_;
};

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/transport.hpp"
#include "http/wire.hpp"

#include <galaxy/http/tls.hpp>
#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <functional>
#include <memory>
#include <string>

namespace galaxy::http {

/// What came of dialing.
struct Dialed {
    boost::system::error_code error;  ///< none: connected, and hands are shaken where TLS is spoken
    std::string detail;               ///< for the log
};

/// One attempt to reach a peer: resolves, connects and shakes hands, all within one time. On the
/// strand of its transport.
class Dialing final : public std::enable_shared_from_this<Dialing> {
public:
    using Done = std::function<void(Dialed)>;

    /// `transport` is new, and must live until `done` has been called or `cancel` has. `tls` is
    /// empty where the peer is spoken to in plain. `done` is called once, never inside; not where
    /// the context goes first.
    static std::shared_ptr<Dialing> start(Transport& transport, const Endpoint& endpoint,
                                          const Tls& tls, Duration timeout, Done done);

    /// `done` will not be called.
    void cancel();

private:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;

    Dialing(Transport& transport, const Endpoint& endpoint, const Tls& tls, Done done);

    void begin(Duration timeout);
    void connect(tcp::resolver::results_type addresses);
    void connected(error_code error);
    void shake_hands();
    void fail(error_code error, std::string why);
    void end(Dialed outcome);

    Transport& transport_;
    const Endpoint endpoint_;
    const Tls tls_;
    Done done_;  ///< empty: over
    tcp::resolver resolver_;
    boost::asio::steady_timer deadline_;
};

}  // namespace galaxy::http

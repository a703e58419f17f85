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
#include <optional>
#include <string>

namespace galaxy::http {

/// What came of dialing.
struct Dialed {
    boost::system::error_code error;     ///< none: it is connected
    std::string detail;                  ///< for the log
    std::optional<Transport> transport;  ///< hands are shaken where TLS is spoken
};

/// One attempt to reach a peer: resolves, connects and shakes hands, all within one time. On the
/// strand that it is given. It owns the transport until the end, as what is under way looks at the
/// socket even after it was closed.
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

    Dialing(const boost::asio::any_io_executor& strand, const Endpoint& endpoint, const Tls& tls,
            Done done);

    void begin(Duration timeout);
    void connect(tcp::resolver::results_type addresses);
    void connected(error_code error);
    void shake_hands();
    void succeed();
    void fail(error_code error, std::string why);
    Done finish();

    Transport transport_;
    const Endpoint endpoint_;
    const Tls tls_;
    Done done_;  ///< empty: over
    tcp::resolver resolver_;
    boost::asio::steady_timer deadline_;
};

}  // namespace galaxy::http

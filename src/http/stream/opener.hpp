// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/stream/channel.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>

#include <functional>
#include <memory>
#include <string>

namespace galaxy::http::stream {

/// What came of asking a peer for a stream.
struct Opened {
    std::unique_ptr<WebSocket> socket;  ///< null: none
    boost::system::error_code error;    ///< not reached; `errc::busy`: this process could not try
    std::string detail;                 ///< for the log
    // Neither socket nor error: the peer was reached, and gave no stream.
    bool declined = false;  ///< it said so; else it was cut off, silent or busy
};

/// Connects to one peer and asks it for a stream.
class Opener {
public:
    virtual ~Opener() = default;

    /// Calls `done` once, on `strand`, within the connection's and the handshake's time. Dropped
    /// uncalled with its context, and where it is closed.
    virtual void open(boost::asio::any_io_executor strand, std::function<void(Opened)> done) = 0;

    /// Ends all that is under way soon, whatever it waits for. The context must be alive.
    virtual void close() = 0;
};

}  // namespace galaxy::http::stream

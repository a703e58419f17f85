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
    boost::system::error_code error;    ///< the peer was not to be reached
    std::string detail;                 ///< for the log
    // Neither socket nor error: the peer was reached, and gave no stream.
    bool declined = false;  ///< it said so; else it was cut off, silent or busy
};

/// Connects to one peer and asks it for a stream.
class Opener {
public:
    virtual ~Opener() = default;

    /// Calls `done` once, on `strand`, within the connection's and the handshake's time. Dropped
    /// uncalled with its context.
    virtual void open(boost::asio::any_io_executor strand, std::function<void(Opened)> done) = 0;
};

}  // namespace galaxy::http::stream

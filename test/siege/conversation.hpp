// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace galaxy::siege {

/// How one question came out.
struct Told {
    enum class End : std::uint8_t { value, wrong, error };

    End end = End::error;
    bool from_memory = false;
    std::size_t reopened = 0;  ///< connections that had been closed while they were idle
    std::string error;
};

/// A kept connection of a careful client: it opens a new one where the server has closed the old
/// one between two questions, and sends a question once more where the two crossed.
class Conversation {
public:
    Conversation(boost::asio::any_io_executor executor, std::uint16_t port);

    /// Asks for a key of galaxy "g", and compares the value.
    boost::asio::awaitable<Told> ask(std::string key);

    /// Ends a question that waits for too long; to be called now and then.
    void look_at_the_clock();

private:
    using Clock = std::chrono::steady_clock;
    struct Head;

    boost::asio::awaitable<Told> ask_once(const std::string& key);
    boost::asio::awaitable<Head> read_head();
    bool was_closed();
    void close();

    boost::asio::ip::tcp::socket socket_;
    const boost::asio::ip::tcp::endpoint server_;
    std::string heard_;
    bool waiting_ = false;
    bool late_ = false;
    Clock::time_point began_;
};

}  // namespace galaxy::siege

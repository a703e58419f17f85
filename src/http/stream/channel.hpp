// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/transport.hpp"
#include "runtime/enrolment.hpp"

#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace galaxy::http::stream {

// A stream lives from batching: a write costs a system call, and so does the read of every write,
// so that the gain over one request a connection is the number of frames that travel together.
// Therefore frames are not written when they come but by a turn of the strand of its own, which is
// posted behind whatever is ready to send as well: a burst of misses, or the answers to one
// message. While the queue still grows from turn to turn the writer waits for more, `most_turns` at
// most. Written at once instead, 64 callers get a sixth of the throughput.

using WebSocket = boost::beast::websocket::stream<http::Transport, false>;

/// What both sides set on a connection before they make it a stream, as Beast has no limit and, in
/// a client, no timeout by default. `silence`: the other side is gone that says nothing, not even
/// to a ping, for so long.
void prepare(WebSocket& socket, Duration handshake, Duration silence, std::size_t max_message);

/// One connection that has become a stream, of either side: messages in, frames out. All that is
/// Beast's happens on the connection's own strand.
class Channel final : private Enrolment, public std::enable_shared_from_this<Channel> {
public:
    using error_code = boost::system::error_code;

    /// Who reads the messages. Called on the strand.
    class Owner {
    public:
        virtual ~Owner() = default;
        /// False where the message breaks the protocol: that ends the channel.
        virtual bool received(std::string_view message) = 0;
        /// The channel is over, the last call. `protocol_error` where the other side broke it.
        virtual void ended(error_code error) = 0;
    };

    /// Whether reading waits while more than `most_queued` bytes wait to be sent. Only the side
    /// that serves may: if both did, neither would ever read again.
    enum class Reading : bool { always, unless_answers_pile_up };

    /// `socket` is upgraded already, and its executor is a strand.
    Channel(std::unique_ptr<WebSocket> socket, Reading reading);
    ~Channel() override;

    /// Once. `owner` is kept until the channel has ended.
    void start(std::shared_ptr<Owner> owner);

    /// Whether frames may travel in the message that waits to be sent already.
    enum class Company : bool { none, any };

    /// Queues frames, and takes them out of `frames`. From any thread; dropped after the end.
    void send(std::string& frames, Company company = Company::any);

    /// Bytes that wait to be sent.
    std::size_t queued() const;

    /// Sends what is queued, says goodbye to the other side, and ends within the handshake's time.
    /// From any thread.
    void close();

    /// Ends now. On the strand.
    void fail(error_code error);

    /// The strand. For those who know that the context lives.
    boost::asio::any_io_executor executor() const { return executor_; }

    /// Frames queued beyond this size begin a message of their own.
    static constexpr std::size_t message_size = std::size_t{64} << 10;

private:
    static constexpr unsigned most_turns = 4;
    static constexpr std::size_t most_queued = std::size_t{1} << 20;

    void context_gone(Garbage& garbage) noexcept override;
    void post_writer();
    void write_soon();
    void write(std::string message);
    void written();
    void read();
    void read_more(error_code error);
    void say_goodbye();

    const Reading reading_;

    mutable std::mutex mutex_;
    boost::asio::any_io_executor executor_;  ///< the strand; empty once the context is gone
    std::deque<std::string> queue_;          ///< messages
    std::string spare_;                      ///< room for the next one
    std::size_t queued_ = 0;
    std::size_t seen_ = 0;  ///< of `queued_`, when the writer last looked
    bool writing_ = false;  ///< the writer is posted, or at work
    bool closing_ = false;  ///< goodbye, once nothing is queued
    bool over_ = false;

    // The strand's.
    std::unique_ptr<WebSocket> socket_;
    std::shared_ptr<Owner> owner_;
    boost::beast::flat_buffer incoming_;
    std::string outgoing_;
    unsigned turns_ = 0;
    bool paused_ = false;
};

}  // namespace galaxy::http::stream

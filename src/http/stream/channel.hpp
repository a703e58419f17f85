// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/holdings.hpp"
#include "http/stream/carrier.hpp"
#include "http/stream/pace.hpp"
#include "runtime/enrolment.hpp"

#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace galaxy::http {
template <class Owner, class Step>
class Guarded;
}

namespace galaxy::http::stream {

// A stream lives from batching: a write costs a system call, and so does the read of every write,
// so that the gain over one request a connection is the number of frames that travel together.
// Therefore frames are not written when they come but by a turn of the strand of its own, which is
// posted behind whatever is ready to send as well: a burst of misses, or the answers to one
// message. While the queue still grows from turn to turn the writer waits for more, `most_turns` at
// most. Written at once instead, 64 callers get a sixth of the throughput.
//
// Beast ends a connection on which nothing comes. One whose other side speaks and never reads is
// ended by a look, now and then, at how far the writing has come: see `Pace`.
//
// An allocation that fails ends the channel, by `no_memory`, and nothing else.

using WebSocket = boost::beast::websocket::stream<Carrier, false>;

/// What both sides set on a connection before they make it a stream, as Beast has no limit and, in
/// a client, no timeout by default. `silence`: the other side is gone that says nothing, not even
/// to a ping, for so long.
void prepare(WebSocket& socket, Duration handshake, Duration silence, std::size_t max_message);

/// Why a channel ended whose other side takes nothing of what is sent.
boost::system::error_code not_taken() noexcept;

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
        /// Nothing waits any more behind what is being written.
        virtual void drained() {}
        /// So much was taken of what was sent.
        virtual void taken(std::size_t) {}
        /// The channel is over, the last call. `protocol_error` where the other side broke it.
        virtual void ended(error_code error) = 0;
    };

    /// Whether reading waits while more than `most_queued` bytes wait to be sent. Only the side
    /// that serves may: if both did, neither would ever read again.
    enum class Reading : bool { always, unless_answers_pile_up };

    /// `socket` is upgraded already, and its executor is a strand. `silence`: where nothing that is
    /// sent gets on for so long, up to half as long again, the channel ends with `not_taken`.
    Channel(std::unique_ptr<WebSocket> socket, Reading reading, Duration silence);
    ~Channel() override;

    /// Who is charged for what it holds, before its start; nobody otherwise.
    void count_for(std::shared_ptr<Holdings::Holder> holder) noexcept;

    /// Once. `owner` is kept until the channel has ended, or it throws `std::bad_alloc`.
    void start(std::shared_ptr<Owner> owner);

    /// Whether frames may travel in the message that waits to be sent already.
    enum class Company : bool { none, any };

    /// Queues frames, and takes them out of `frames`. From any thread; dropped after the end.
    void send(std::string& frames, Company company = Company::any) noexcept;

    /// Bytes that wait to be sent.
    std::size_t queued() const;
    bool is_sending() const;

    /// After something was queued, before other work is waited for. On the strand.
    void count_held() noexcept;

    /// Sends what is queued, says goodbye to the other side, and ends within the handshake's time.
    /// From any thread.
    void close() noexcept;

    /// Ends as soon as the strand hears of it. From any thread.
    void give_way() noexcept;

    /// Ends now. On the strand.
    void fail(error_code error);
    /// The same, whatever the owner makes of it.
    void fail_for_memory() noexcept;

    /// The strand. For those who know that the context lives.
    boost::asio::any_io_executor executor() const { return executor_; }

    /// Frames queued beyond this size begin a message of their own.
    static constexpr std::size_t message_size = std::size_t{64} << 10;

private:
    static constexpr unsigned most_turns = 4;
    static constexpr std::size_t most_queued = std::size_t{1} << 20;

    template <class Step>
    void attempt(Step&& step);
    template <class Owner, class Step>
    friend class http::Guarded;
    void starved() noexcept { fail_for_memory(); }

    void context_gone(Garbage& garbage) noexcept override;
    void begin();
    void look();
    void await_next_look();
    void queue(std::string& frames, Company company);
    void cut() noexcept;
    void post_writer();
    void write_soon();
    std::string take_message(bool& last);
    void write(std::string message, bool last);
    void written(std::size_t size);
    void read();
    void read_some();
    void read_more(error_code error);
    void say_goodbye();

    const Reading reading_;
    const Duration between_looks_;

    mutable std::mutex mutex_;
    boost::asio::any_io_executor executor_;  ///< the strand; empty once the context is gone
    std::deque<std::string> queue_;          ///< messages
    std::string spare_;                      ///< room for the next one
    std::size_t queued_ = 0;
    std::size_t seen_ = 0;  ///< of `queued_`, when the writer last looked
    bool writing_ = false;  ///< the writer is posted, or at work
    bool closing_ = false;  ///< goodbye, once nothing is queued
    bool over_ = false;
    bool starved_ = false;      ///< over as soon as the strand hears of it
    bool awaits_look_ = false;  ///< else the timer is the strand's alone
    std::unique_ptr<boost::asio::steady_timer> next_look_;

    // The strand's.
    Pace pace_;
    std::unique_ptr<WebSocket> socket_;
    std::shared_ptr<Owner> owner_;
    boost::beast::flat_buffer incoming_;
    std::string outgoing_;
    unsigned turns_ = 0;
    bool paused_ = false;
    Holdings::Bytes held_;
};

}  // namespace galaxy::http::stream

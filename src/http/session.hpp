// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/holdings.hpp"
#include "http/inlet.hpp"
#include "http/outbox.hpp"
#include "http/request_reader.hpp"
#include "http/standing.hpp"
#include "http/stream/serving.hpp"
#include "http/transport.hpp"
#include "runtime/enrolment.hpp"
#include "runtime/reserve.hpp"

#include <galaxy/http/beast.hpp>
#include <galaxy/http/handler.hpp>
#include <galaxy/http/server.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/serializer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>

namespace galaxy::http {

template <class Owner, class Step>
class Guarded;

/// One connection of a server: one coroutine on a strand of its own.
///
/// The socket is never read blindly. A watch, one pending wait for bytes, is armed while a request
/// is answered, so that a peer that hangs up is noticed and its get given up, be it behind a little
/// of its next requests, and the same watch then waits for the next request: between requests a
/// connection holds no buffer and costs one system call more than reading would. What it reads may
/// be answered on the spot, without the coroutine (session_at_rest.cpp). Deadlines are moments that
/// the server looks at now and then; a timer a request would cost more than the request.
class Session final : public std::enable_shared_from_this<Session> {
public:
    using Clock = std::chrono::steady_clock;

    Session(std::shared_ptr<Server::Core> core, boost::asio::ip::tcp::socket socket);
    ~Session();

    enum class Welcome { served, turned_away };
    void start(Welcome welcome);

    boost::asio::any_io_executor executor() const { return executor_; }

    // From any thread.
    bool expired(Clock::time_point now) const noexcept;
    Standing& standing() noexcept { return *standing_; }
    std::uint64_t host() const noexcept { return asker_.host; }

    // On the session's strand.
    void drop();
    void end_if_expired();
    void make_room();
    void drop_if_idle();

    void let_go(Garbage& garbage);

private:
    using error_code = boost::system::error_code;
    using Serializer = boost::beast::http::serializer<false, ValueBody>;
    static constexpr Clock::duration never = Clock::duration::max();
    /// Written in one go before others get their turn, however fast the reader. The kernel would
    /// take 1 MB at once, and as long for it as for hundreds of small answers.
    static constexpr std::size_t longest_piece = std::size_t{64} << 10;

    /// What reading a request came to.
    struct Read {
        bool complete = false;
        bool answered = false;  ///< at once, but not all of the answers has gone out yet
        unsigned refusal = 0;   ///< the status to answer with, if any
    };

    boost::asio::awaitable<void> converse();
    boost::asio::awaitable<bool> shake_hands();
    void log_handshake(error_code error, std::string_view from);
    boost::asio::awaitable<void> turn_away();
    boost::asio::awaitable<Read> read_request();
    boost::asio::awaitable<bool> answer_request();
    boost::asio::awaitable<void> serve_stream();
    boost::asio::awaitable<Response> find_answer();
    boost::asio::awaitable<Response> find_answer_in_time();
    Response route_threw(std::string_view target, std::string_view what);
    boost::asio::awaitable<void> invite();
    boost::asio::awaitable<bool> write(boost::beast::http::response<ValueBody>& message);
    boost::asio::awaitable<std::size_t> write_some(Serializer& serializer, error_code& error);
    boost::asio::awaitable<bool> send_rest();
    boost::asio::awaitable<void> refuse(unsigned status);
    boost::asio::awaitable<void> say_goodbye();
    boost::asio::awaitable<void> await_goodbye();

    unsigned judge_progress(error_code error);
    void give_way() noexcept;
    void count_held() noexcept;
    void count_unsent(std::optional<Holdings::UnsentValue>& unsent, const Value& value);
    void note_taken(std::size_t bytes);
    void stand_waiting(bool begun) noexcept;
    void set_deadline(Duration from_now);
    bool wants_continue();
    bool asks_for_stream() const;
    Request asked_request() const;
    bool begun() const;

    bool may_answer_at_once() const;
    bool at_rest() const;
    bool serve_at_rest();
    void answer_at_once();
    void send_at_once(Outbox& out, std::size_t asked);

    void stream_begun(std::shared_ptr<stream::Serving> serving);
    template <class Owner, class Step>
    friend class Guarded;
    void starved() noexcept;
    void watch();
    void on_readable(error_code error);
    void look_behind();
    void hear_end();
    void wake();
    auto park();

    const std::shared_ptr<Server::Core> core_;
    const boost::asio::any_io_executor executor_;
    Transport transport_;
    const Asker asker_;
    std::optional<RequestReader> reader_;
    Inlet inlet_;
    std::shared_ptr<Holdings::Holder> holder_;
    Holdings::Bytes held_;  // but for values
    Outbox unsent_;         // answers given at once, but for what went out with the first piece
    boost::asio::cancellation_signal hang_up_;
    std::optional<boost::asio::any_completion_handler<void()>> parked_;
    std::shared_ptr<stream::Serving> serving_;  ///< once the connection is a stream
    std::atomic<Clock::duration> deadline_{never};
    const std::shared_ptr<Standing> standing_;
    std::uint64_t asked_ = 0;  // requests that went through the coroutine
    bool watching_ = false;    // the watch is armed
    bool readable_ = false;    // and has found something to read
    bool read_ahead_ = false;  // and what has come is in the inlet already
    std::atomic<bool> is_stream_ = false;
    bool proven_ = false;      // a request of it has been answered
    bool turned_out_ = false;  // while it waited for its answer
    bool answering_ = false;
    bool finding_answer_ = false;
    bool in_body_ = false;
    bool shaking_hands_ = false;
    bool gone_ = false;  // closed, by either side
};

}  // namespace galaxy::http

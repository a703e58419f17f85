// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/answer_parser.hpp"
#include "http/dialing.hpp"
#include "http/inlet.hpp"
#include "http/job.hpp"
#include "http/transport.hpp"
#include "runtime/enrolment.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace galaxy::http {

template <class Owner, class Step>
class Guarded;

class Pool;

/// One connection to a server, working on one request at a time, on a strand of its own.
///
/// Every step is a callback that knows the attempt it belongs to; whatever ends a phase begins a
/// new attempt, so that what still comes of the old one (a deadline, a late resolver) is not heard.
class Connection final : public std::enable_shared_from_this<Connection> {
public:
    Connection(std::shared_ptr<Pool> pool, const boost::asio::any_io_executor& executor);

    /// From any thread, with the pool's mutex held, so that the context cannot go meanwhile.
    void post_begin(JobPtr job);
    void post_give_up(JobPtr job);

    /// With the pool's mutex held, while nothing is under way here.
    void release() noexcept { io_.reset(); }
    void context_gone(Garbage& garbage) { garbage.take(std::move(io_)); }

private:
    using error_code = boost::system::error_code;

    struct Io {
        explicit Io(const boost::asio::any_io_executor& executor);

        boost::asio::any_io_executor strand;
        Transport transport;
        std::shared_ptr<Dialing> dialing;                ///< while it is
        std::optional<boost::asio::steady_timer> hurry;  ///< while an answer has to end soon
    };

    /// Wraps a step so that it is skipped where its attempt is over.
    template <class Owner, class Step>
    friend class Guarded;
    template <class Step>
    auto then(Step step);
    boost::asio::any_io_executor executor() const noexcept;
    void starved() noexcept;

    void begin(JobPtr job);
    void give_up(const JobPtr& job);

    void connect();
    void connected(Dialed outcome);
    void send();
    void renew_parser();
    void receive();
    void read();
    bool answer_is_bad(error_code error);
    void hurry();
    void at_end_of_stream();
    void answered();
    void start_over();

    void broke(error_code error);
    void fail(error_code error, std::string detail);
    void end(Answer answer, bool reusable);

    const std::shared_ptr<Pool> pool_;
    std::unique_ptr<Io> io_;
    std::optional<AnswerParser> parser_;
    Inlet inlet_;
    JobPtr job_;
    std::uint64_t attempt_ = 0;
    bool pooled_ = false;  // an earlier request was answered on this socket
    bool heard_ = false;   // a byte of the answer came
};

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>
#include <galaxy/responder.hpp>
#include <galaxy/time.hpp>

#include "runtime/enrolment.hpp"
#include "runtime/strand.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace galaxy::testing {

// One request within the process has two halves, as one over a socket has: the asker may live on
// another context than the peer that answers, and either context may go first. Each half is
// enrolled in its own context, runs there only, and reaches the other by post.

/// A peer that can be reached, until it is cut off.
struct Attachment {
    explicit Attachment(Responder to) : responder(std::move(to)) {}

    const Responder responder;
    std::atomic<bool> cut = false;
};

/// A request with bytes of its own.
struct Question {
    Question(const FetchRequest& request, std::string universe_meant, std::string peer_meant);

    Verb verb;
    std::string galaxy, key, digest, universe, peer;
    Duration timeout;
    std::size_t max_value;
};

/// The peer's half of one request. Where it is dropped unanswered, the connection was reset.
class Serving final : public std::enable_shared_from_this<Serving> {
public:
    using Answer = std::function<void(FetchResult)>;

    Serving(std::shared_ptr<Attachment> at, Answer answer);
    ~Serving();

    void start(std::shared_ptr<const Question> question);

    /// The asker is gone.
    void hang_up();

private:
    void answer(FetchResult result);
    void serve(const Question& question);
    FetchResult result_of(boost::system::error_code error, const Value& value,
                          std::size_t max_value) const;

    const std::shared_ptr<Attachment> at_;
    Answer answer_;
    Strand strand_;
    boost::asio::cancellation_signal signal_;  ///< the strand's
};

/// The asker's half of one request.
class Asking final : public std::enable_shared_from_this<Asking>, private Enrolment {
public:
    using Counter = std::shared_ptr<std::atomic<std::uint64_t>>;

    /// `ended` is called once, when the result is on its way.
    Asking(boost::asio::any_io_executor executor, FetchHandler handler, Counter in_flight,
           std::function<void()> ended);
    ~Asking() override;

    /// Runs `f` on the asker's executor, later; drops it where the request has ended.
    template <class F>
    void post(F f)
    {
        const std::lock_guard lock(mutex_);
        if (executor_) boost::asio::post(*executor_, std::move(f));
    }

    /// Ends the request, by post; only the first call does anything.
    void finish(FetchResult result);
    void finish(boost::system::error_code error, std::string detail = {});

    /// The same, `delay` from now.
    void finish_after(Duration delay, std::shared_ptr<Clock> clock, FetchResult result);

    void served_by(const std::shared_ptr<Serving>& serving);

    /// Ends the request with `error` and hangs up.
    void give_up(boost::system::error_code error);

private:
    void wait(Duration delay, Clock& clock, FetchResult result);
    void context_gone(Garbage& garbage) noexcept override;

    std::mutex mutex_;
    std::optional<boost::asio::any_io_executor> executor_;  ///< empty: ended
    FetchHandler handler_;
    std::unique_ptr<Alarm> alarm_;
    std::weak_ptr<Serving> serving_;
    const Counter in_flight_;
    const std::function<void()> ended_;
};

}  // namespace galaxy::testing

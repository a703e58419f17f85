// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/stream/batch.hpp"
#include "http/stream/channel.hpp"
#include "http/stream/ledger.hpp"
#include "http/stream/opener.hpp"
#include "http/stream/refusal.hpp"
#include "runtime/enrolment.hpp"

#include <galaxy/fetch.hpp>
#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

namespace galaxy::http::stream {

struct ClientOptions {
    std::size_t window = 1024;  ///< requests that wait for an answer at once; more wait in line
    Duration idle_timeout = std::chrono::seconds(60);
    Duration ask_again = std::chrono::seconds(30);             ///< after a refusal, at most
    Duration ask_again_soon = std::chrono::milliseconds(250);  ///< see Refusal
    Duration silence = std::chrono::seconds(4);                ///< see Channel
};

/// The asking half: one stream to a peer, opened when there is something to ask, closed when there
/// has not been for a while. What cannot go by it goes by `plain`: everything where the peer does
/// not speak streams, and large values that the peer has in memory.
///
/// A request that has no answer yet when its connection ends is sent a second time, once, unless
/// the peer broke the protocol: it may have closed an idle connection just then. That is also how a
/// peer that has died is told from one that has not: the new connection is refused.
///
/// Where there is no memory for a request, or for its answer, or for what they share, it ends with
/// `busy`: that is no fault of the peer.
class Client final : private Enrolment, public std::enable_shared_from_this<Client> {
public:
    Client(ClientOptions options, std::shared_ptr<Opener> opener,
           std::shared_ptr<RemoteFetcher> plain, boost::asio::any_io_executor executor);
    ~Client() override;

    // As a RemoteFetcher's, from any thread. `plain` is closed by whoever made it.
    void start(std::span<FetchStart> requests);
    void cancel(std::uint64_t id);
    void close();
    std::size_t connections() const noexcept;
    std::uint64_t reconnects() const noexcept;

private:
    using error_code = boost::system::error_code;
    using Clock = Job::Clock;
    enum class State { closed, opening, open, closing };
    /// What one connection reads, and whether it is still in use.
    class Reader;

    void context_gone(Garbage& garbage) noexcept override;

    // With the mutex held.
    bool goes_plain(const FetchRequest& request);
    bool begin(FetchStart& one, Clock::time_point now);
    void take(FetchStart& one, Clock::time_point now);
    void go_plain(Jobs& jobs);
    void open();
    void begin(const std::shared_ptr<Channel>& channel);
    void send(Job& job, Clock::time_point now);
    void send_waiting();
    void flush(Channel::Company company = Channel::Company::any);
    void post_end(FetchHandler handler, error_code error);
    void give_up(std::uint64_t id);

    // On the strand.
    void opened_or_not(Opened outcome);
    bool received(std::string_view message);
    void settle(Opened& outcome, const std::shared_ptr<Channel>& channel);
    void channel_ended(error_code error);
    bool is_channel(const std::shared_ptr<Channel>& channel) const;
    void let_go_of_channel() noexcept;
    void drop_all();

    const ClientOptions options_;
    const std::shared_ptr<Opener> opener_;
    const std::shared_ptr<RemoteFetcher> plain_;

    mutable std::mutex mutex_;
    boost::asio::any_io_executor executor_;  ///< empty once the context is gone
    State state_ = State::closed;
    std::shared_ptr<Channel> channel_;  ///< while open
    Ledger ledger_;
    Batch batch_;  ///< that `flush` sends
    std::uint64_t opened_ = 0;
    std::uint64_t started_ = 0;
    Refusal refusal_;
    bool closed_ = false;
};

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/holdings.hpp"
#include "http/standing.hpp"
#include "http/stream/channel.hpp"
#include "http/stream/frame.hpp"
#include "seeded_hash.hpp"

#include <galaxy/fetch.hpp>
#include <galaxy/responder.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace galaxy::http::stream {

/// The serving half of one stream. Every request is answered, once: from memory in the turn that
/// read it, together with the others of its message; else when its get ends. On the channel's
/// strand, all of it, but where said.
///
/// What was loaded for an answer is sent by this stream in any case, since who asks once more, by
/// another way, may have it loaded once more. What is too large for one message of others, or comes
/// while much is unsent, gets in line: of it goes one piece, turn about, whenever the writer has
/// nothing else, so that nobody waits behind a large value. "Ask by HTTP" is said only before
/// anything was done: of what is in memory, and instead of waiting while this stream's line is too
/// long.
///
/// Keys that are asked for together lie anywhere in memory, so looking them up one by one is to
/// wait for memory and little else. They are gathered, and looked up side by side.
class Serving final : public Channel::Owner, public std::enable_shared_from_this<Serving> {
public:
    struct Limits {
        std::size_t requests = 1024;  ///< that wait for a load at once; more are answered `busy`
        std::size_t value = std::size_t{64} << 10;     ///< larger ones in pieces, or by HTTP
        bool pieces = false;                           ///< the asker takes these
        Duration max_wait = std::chrono::seconds(60);  ///< of a request, whatever it says
        Asker asker = {};
        std::shared_ptr<Standing> standing = {};  ///< told how it stands; may be null
    };

    /// `holder` is charged for what it holds. `over` is called once, when the channel has ended;
    /// not where the context goes first.
    Serving(Responder responder, std::shared_ptr<Channel> channel, Limits limits,
            std::shared_ptr<Holdings::Holder> holder, std::function<void()> over);

    /// From any thread.
    void start() { channel_->start(shared_from_this()); }

    /// On the strand. Ends when what is waited for now has been answered; more is `busy`.
    void finish();

    /// On the strand. Ends now.
    void drop() { channel_->fail(boost::asio::error::operation_aborted); }

private:
    /// What waits for its get; then, with its value, in line to be sent.
    struct Waiting {
        boost::asio::cancellation_signal left = {};
        std::optional<Value> value = {};
        std::optional<Holdings::UnsentValue> unsent = {};  ///< the value
        std::size_t size = 0;                              ///< of the request, while it waits
        std::size_t sent = 0;                              ///< of the value, in pieces
    };

    bool received(std::string_view message) override;
    void taken(std::size_t bytes) override;
    void drained() override { feed(); }
    void ended(boost::system::error_code error) override;

    bool take(const Frame& frame);
    bool gather(Verb verb, const Frame& frame);
    bool serve();
    bool answer_or_wait(std::uint64_t id, const PeerRequest& request,
                        const std::optional<PeerAnswer>& now);
    void wait(const PeerRequest& wanted, std::uint64_t id);
    void forget(std::uint64_t id);
    void count_held() noexcept;
    void stand(bool answered) noexcept;
    void ask(const PeerRequest& wanted, std::uint64_t id, boost::asio::cancellation_slot left);
    bool cancel(const Frame& frame);
    void begin_turn();
    void answer(std::uint64_t id, const PeerAnswer& answer);
    void answer_from_memory(std::uint64_t id, const PeerAnswer& answer);
    void append_value(std::string& to, std::uint64_t id, const Value& value, std::size_t from);
    void arrived(std::uint64_t id, PeerAnswer answer);
    void feed();
    bool send_some(std::uint64_t id, Waiting& waiting);
    void flush();
    void close_if_finished();

    const Responder responder_;
    const std::shared_ptr<Channel> channel_;
    const Limits limits_;
    std::function<void()> over_;
    std::string digest_;                 ///< what the asker's requests go by now
    std::vector<std::uint64_t> ids_;     ///< gathered, not served yet
    std::vector<PeerRequest> requests_;  ///< theirs; they view the message
    std::string answers_;                ///< to be sent when the turn ends
    std::size_t queued_ = 0;             ///< by the channel, when last looked at
    std::unordered_map<std::uint64_t, Waiting, SeededHash> waiting_;  ///< by the asker's ids
    std::deque<std::uint64_t> line_;  ///< whose values are to be sent; some may be over
    std::size_t in_line_ = 0;         ///< bytes of these
    const std::shared_ptr<Holdings::Holder> holder_;
    const std::size_t most_unsent_;  ///< bytes
    Holdings::Bytes held_;           ///< but for values
    std::size_t waiting_size_ = 0;   ///< of `waiting_`
    std::string piece_;
    bool draining_ = false;
    bool finishing_ = false;
    bool ended_ = false;
};

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/stream/channel.hpp"
#include "http/stream/frame.hpp"

#include <galaxy/fetch.hpp>
#include <galaxy/responder.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <cstdint>
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
/// Keys that are asked for together lie anywhere in memory, so looking them up one by one is to
/// wait for memory and little else. They are gathered, and looked up side by side.
class Serving final : public Channel::Owner, public std::enable_shared_from_this<Serving> {
public:
    struct Limits {
        std::size_t requests = 1024;  ///< that wait for a load at once; more are answered `busy`
        std::size_t value = std::size_t{64} << 10;  ///< larger ones are to be asked for by HTTP
    };

    /// `over` is called once, when the channel has ended; not where the context goes first.
    Serving(Responder responder, std::shared_ptr<Channel> channel, Limits limits,
            std::function<void()> over);

    /// From any thread.
    void start() { channel_->start(shared_from_this()); }

    /// On the strand. Ends when what is waited for now has been answered; more is `busy`.
    void finish();

    /// On the strand. Ends now.
    void drop() { channel_->fail(boost::asio::error::operation_aborted); }

private:
    bool received(std::string_view message) override;
    void ended(boost::system::error_code error) override;

    bool take(const Frame& frame);
    bool gather(Verb verb, const Frame& frame);
    bool serve();
    bool answer_or_wait(std::uint64_t id, const PeerRequest& request,
                        const std::optional<PeerAnswer>& now);
    void wait(const PeerRequest& wanted, std::uint64_t id);
    bool cancel(const Frame& frame);
    void begin_turn();
    void answer(std::uint64_t id, const PeerAnswer& answer);
    void arrived(std::uint64_t id, const PeerAnswer& answer);
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
    std::unordered_map<std::uint64_t, boost::asio::cancellation_signal> waiting_;
    bool draining_ = false;
    bool finishing_ = false;
};

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/stream/frame.hpp"
#include "http/stream/ledger.hpp"

#include <galaxy/fetch.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace galaxy::http::stream {

/// One message to the asking half: what it says of the requests that wait, and how they hear of
/// it. Its bytes are copied once, and the values share the copy; those of pieces have a place of
/// their own.
class Hearing {
public:
    using GiveUp = std::function<void(std::uint64_t id)>;

    /// Views `message` while it lives.
    explicit Hearing(std::string_view message);

    /// Takes out of the ledger what was answered. `give_up` is called for what was sent and is not
    /// wanted any more. False where the message breaks the protocol. Also after that, and where it
    /// throws `std::bad_alloc`, the ones before are told, or go plain.
    bool hear(Ledger& ledger, const GiveUp& give_up);

    /// The requests that have to be asked by HTTP.
    Jobs& by_plain() noexcept { return by_plain_; }

    /// Tells those that have ended.
    void tell() const;

private:
    struct Ended {
        Job job;
        Answer answer;
    };

    bool hear(std::string_view frames, Ledger& ledger, const GiveUp& give_up);
    bool hear_answer(std::string_view body, Ledger& ledger);
    bool hear_piece(std::string_view body, Ledger& ledger, const GiveUp& give_up);
    void end(Job&& job, const Answer& answer);
    template <class List>
    typename List::value_type& one_more(List& list, Job& job);

    std::string_view pieces_;             ///< at the front of the message
    std::string_view rest_;               ///< of the copy
    std::shared_ptr<const char[]> kept_;  ///< the copy
    std::vector<Ended> ended_;
    Jobs by_plain_;
    std::optional<Job> in_hand_;  ///< for which there was no memory in the lists
};

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/outbox.hpp"
#include "http/quick_request.hpp"

#include <galaxy/http/protocol.hpp>
#include <galaxy/http/secret.hpp>
#include <galaxy/responder.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace galaxy::http {

/// Answers the common requests at once: those that nothing has to be waited for. Their answers are,
/// byte for byte, what a `Handler` behind Beast would have said. Thread safety: any thread.
class QuickAnswers {
public:
    /// A request that is longer than `longest`, or lacks the `secret`, is left to others.
    QuickAnswers(Responder responder, Paths paths, Secret secret, std::size_t longest);

    /// Answers requests off the front of `bytes` until one is met that is not for here, or until
    /// there is enough to write for a turn. Appends the answers to `out`, which is empty; returns
    /// how many bytes they were asked with.
    std::size_t answer(std::string_view bytes, Outbox& out) const;

private:
    bool answer_one(const QuickRequest& request, Outbox& out) const;
    void write_value(const QuickRequest& request, Value value, Outbox& out) const;

    const Responder responder_;
    const Paths paths_;
    const Secret secret_;
    const std::size_t longest_;
    /// A value's answer up to its length, of one that does not end; the other while draining.
    std::array<std::string, 2> heads_;
};

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/job.hpp"

#include <galaxy/fetch.hpp>

#include <string_view>

namespace galaxy::http {

/// What the head of a peer's answer says, as it stood there; empty views for what did not.
struct AnswerHead {
    unsigned status = 0;
    std::string_view galaxy_status = {};
    std::string_view peer = {};
    std::string_view draining = {};
    std::string_view expires = {};
    std::string_view lifetime = {};
    std::string_view encoding = {};
};

/// The views are of `answer`.
AnswerHead head_of(const Answer& answer);

/// Whether a body comes as it is, by its `Content-Encoding`: we ask for no other.
bool is_identity(std::string_view encoding);

/// What an answer means (the table in docs/wire.md), but for its value. `meant` is the peer asked.
FetchResult judge(const AnswerHead& head, std::string_view meant, Verb verb = Verb::fetch);

}  // namespace galaxy::http

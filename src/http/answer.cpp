// SPDX-License-Identifier: BSL-1.0
#include "http/answer.hpp"

#include "http/wire.hpp"

#include <galaxy/error.hpp>

#include <string>

namespace galaxy::http {

namespace {

bool is_identity(std::string_view encoding)
{
    return encoding.empty() || encoding == "identity";
}

void judge_expiry(const AnswerHead& head, FetchResult& result)
{
    if (!head.expires.empty()) {
        result.expires = parse_http_date(head.expires);
        if (!result.expires) result.keep = false;
    }
    if (!head.lifetime.empty()) {
        result.lifetime = parse_lifetime(head.lifetime);
        if (!result.lifetime) result.keep = false;
    }
}

boost::system::error_code judge_status(const AnswerHead& head)
{
    // Go says "Found" of the galaxy even where the key is not: that is an answer, and not a
    // failure.
    const bool galaxy_found = head.galaxy_status == "Found";
    switch (head.status) {
    case 200:
        if (is_identity(head.encoding)) return {};
        return errc::protocol_error;
    case 401:
    case 403: return errc::unauthorized;
    case 404:
        if (galaxy_found) return errc::not_found;
        return head.galaxy_status == "Not Found" ? errc::no_such_galaxy : errc::protocol_error;
    case 405: return errc::unsupported;
    case 413: return head.peer.empty() ? errc::protocol_error : errc::value_too_large;
    case 414: return head.peer.empty() ? errc::protocol_error : errc::unsupported;
    case 421: return errc::wrong_peer;
    case 500: return galaxy_found ? errc::backend_failed : errc::protocol_error;
    case 503: return errc::busy;
    case 504: return errc::timed_out;
    default: return errc::protocol_error;
    }
}

}  // namespace

FetchResult judge(const AnswerHead& head, std::string_view meant)
{
    FetchResult result;
    result.draining = head.draining == "1";
    if (!head.peer.empty() && head.peer != meant) {
        result.error = errc::wrong_peer;
        result.detail = "answered by \"" + std::string(head.peer.substr(0, 255)) + "\"";
        return result;
    }
    result.error = judge_status(head);
    // A stranger's answer (a proxy's, say) shows nothing about the peer behind it.
    result.foreign = head.peer.empty() && result.error != errc::protocol_error;
    if (!result.error) {
        judge_expiry(head, result);
    } else {
        result.detail = "status " + std::to_string(head.status);
        if (!is_identity(head.encoding)) result.detail += ", content encoded";
    }
    return result;
}

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#include "http/answer.hpp"

#include "http/grammar.hpp"
#include "http/wire.hpp"

#include <galaxy/error.hpp>

#include <string>

namespace galaxy::http {

namespace {

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

/// Whether an answer comes from none of our nodes and says nothing of a galaxy.
bool is_bare(const AnswerHead& head)
{
    return head.peer.empty() && head.galaxy_status.empty();
}

/// What Go's mux answers for keys with "//" in older programs, and what stands before a peer for
/// anything.
bool is_redirect(unsigned status)
{
    return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

/// Go galaxycache before 1.3 knows no peeks, and of a fetch it says neither whether the galaxy was
/// missing (404) nor whether the key was (500, as of any failure of the backend).
void judge_older_go(const AnswerHead& head, Verb verb, FetchResult& result)
{
    if (!is_bare(head)) return;
    if (head.status == 404 && verb == Verb::peek) {
        result.error = errc::unsupported;
    } else {
        result.neutral = head.status == 404 || head.status == 500;
    }
}

}  // namespace

AnswerHead head_of(const Answer& answer)
{
    const AnswerFields& fields = answer.fields;
    return {.status = answer.status,
            .galaxy_status = fields.text(header::galaxy_status),
            .peer = fields.text(header::peer),
            .draining = fields.text(header::draining),
            .expires = fields.text("Expires"),
            .lifetime = fields.text(header::lifetime),
            .encoding = fields.text("Content-Encoding")};
}

bool is_identity(std::string_view encoding)
{
    return encoding.empty() || grammar::is_same(encoding, "identity");
}

FetchResult judge(const AnswerHead& head, std::string_view meant, Verb verb)
{
    FetchResult result;
    result.draining = head.draining == "1";
    if (!head.peer.empty() && head.peer != meant) {
        result.error = errc::wrong_peer;
        result.detail = "answered by \"" + std::string(head.peer.substr(0, 255)) + "\"";
        return result;
    }
    result.error = judge_status(head);
    result.neutral = is_redirect(head.status);
    if (!result.neutral) judge_older_go(head, verb, result);
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

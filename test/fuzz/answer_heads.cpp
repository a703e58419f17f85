// SPDX-License-Identifier: BSL-1.0
#include "http/answer.hpp"
#include "http/wire.hpp"

#include "fuzz/target.hpp"

#include <galaxy/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

// The input is a line for each field: status, galaxy status, peer, draining, Expires, lifetime,
// Content-Encoding.

namespace galaxy::fuzz {
namespace {

using http::AnswerHead;

constexpr std::string_view meant = "b";

AnswerHead read(std::string_view input)
{
    AnswerHead head;
    const std::string_view status = take_until(input, '\n');
    std::from_chars(status.data(), status.data() + status.size(), head.status);
    for (std::string_view* field : {&head.galaxy_status, &head.peer, &head.draining, &head.expires,
                                    &head.lifetime, &head.encoding})
        *field = take_until(input, '\n');
    return head;
}

bool is_an_outcome(boost::system::error_code error)
{
    constexpr std::array outcomes = {errc::not_found,      errc::backend_failed,
                                     errc::timed_out,      errc::value_too_large,
                                     errc::no_such_galaxy, errc::unsupported,
                                     errc::protocol_error, errc::unauthorized,
                                     errc::wrong_peer,     errc::busy};
    return !error || std::any_of(outcomes.begin(), outcomes.end(), [&](errc outcome) {
        return error == outcome;
    });
}

void check_value(const AnswerHead& head, const FetchResult& result)
{
    require(http::is_identity(head.encoding), "a value comes as it is");
    require(result.detail.empty(), "nothing is to be said of a value");
    const bool good_date = head.expires.empty() || http::parse_http_date(head.expires);
    const bool good_lifetime = head.lifetime.empty() || http::parse_lifetime(head.lifetime);
    require(result.keep == (good_date && good_lifetime),
            "an end that cannot be understood means: do not keep");
    require(result.expires.has_value() == (!head.expires.empty() && good_date), "Expires is read");
    require(result.lifetime.has_value() == (!head.lifetime.empty() && good_lifetime),
            "the lifetime is read");
}

}  // namespace

void run(std::string_view input)
{
    const AnswerHead head = read(input);
    const FetchResult result = http::judge(head, meant);
    const bool another = !head.peer.empty() && head.peer != meant;
    require(is_an_outcome(result.error), "an answer has an outcome of the table");
    require((another || head.status == 421) == (result.error == errc::wrong_peer),
            "who answers under another id, or says so, is another");
    require(result.draining == (head.draining == "1"), "draining is said by all answers");
    require(result.foreign == (head.peer.empty() && result.error != errc::protocol_error),
            "who gives no id is a stranger");
    require(!result.neutral || result.error == errc::protocol_error,
            "what an answer of the table says is not nothing");
    require(result.detail.size() <= 300, "what is said for the log is short");
    require(!result.error == (head.status == 200 && !another && http::is_identity(head.encoding)),
            "200 of the peer meant is a value, and nothing else is");
    if (result.error) {
        require(!result.expires && !result.lifetime, "what is no value does not end");
    } else {
        check_value(head, result);
    }
}

}  // namespace galaxy::fuzz

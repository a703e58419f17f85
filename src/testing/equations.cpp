// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace galaxy::testing {

namespace {

struct Term {
    std::string_view name;
    std::uint64_t value;
};

using Terms = std::initializer_list<Term>;

std::uint64_t sum(Terms terms)
{
    std::uint64_t total = 0;
    for (const Term& term : terms) total += term.value;
    return total;
}

/// "a (1) + b (2)"
std::string spelt(Terms terms)
{
    std::string text;
    for (const Term& term : terms) {
        if (!text.empty()) text += " + ";
        text += std::string(term.name) + " (" + std::to_string(term.value) + ")";
    }
    return text;
}

/// Says how it fails that `left` equals the sum of `right`.
std::string unless_equal(Term left, Terms right)
{
    if (left.value == sum(right)) return {};
    return spelt({left}) + " is not " + spelt(right) + " = " + std::to_string(sum(right));
}

std::string unless_at_most(Terms left, Term right)
{
    if (sum(left) <= right.value) return {};
    return spelt(left) + " = " + std::to_string(sum(left)) + " exceeds " + spelt({right});
}

}  // namespace

std::string broken_equation(const GalaxyStats& s)
{
    const std::initializer_list<std::string> checks = {
        unless_equal({"gets", s.gets}, {{"hits_main", s.hits_main},
                                        {"hits_hot", s.hits_hot},
                                        {"led", s.led},
                                        {"joined", s.joined},
                                        {"refused", s.refused},
                                        {"left", s.left}}),
        unless_equal({"gets", s.gets}, {{"from_main", s.from_main},
                                        {"from_hot", s.from_hot},
                                        {"from_peek", s.from_peek},
                                        {"from_peer", s.from_peer},
                                        {"from_backend", s.from_backend},
                                        {"not_found", s.not_found},
                                        {"failed", s.failed},
                                        {"timed_out", s.timed_out},
                                        {"cancelled", s.cancelled},
                                        {"waiters_now", s.waiters_now}}),
        unless_at_most({{"hits_main", s.hits_main}}, {"from_main", s.from_main}),
        unless_at_most({{"hits_hot", s.hits_hot}}, {"from_hot", s.from_hot}),
        unless_at_most({{"find_hits", s.find_hits}}, {"finds", s.finds}),
        unless_at_most({{"server_peek_hits", s.server_peek_hits}},
                       {"server_peeks", s.server_peeks}),
        unless_at_most({{"peek_hits", s.peek_hits}}, {"peeks_sent", s.peeks_sent}),
        unless_at_most({{"backend_load_errors", s.backend_load_errors}},
                       {"backend_loads", s.backend_loads}),
        unless_at_most({{"peer_fetch_errors", s.peer_fetch_errors}},
                       {"peer_fetches", s.peer_fetches}),
        unless_at_most({{"entries_main", s.entries_main},
                        {"entries_hot", s.entries_hot},
                        {"evictions_main", s.evictions_main},
                        {"evictions_hot", s.evictions_hot},
                        {"expired", s.expired}},
                       {"inserts", s.inserts}),
        unless_at_most({{"bytes_main", s.bytes_main}, {"bytes_hot", s.bytes_hot}},
                       {"capacity", s.capacity}),
    };
    for (const std::string& broken : checks) {
        if (!broken.empty()) return broken;
    }
    return {};
}

}  // namespace galaxy::testing

// SPDX-License-Identifier: BSL-1.0
#include "siege/attack.hpp"

#include <iterator>
#include <thread>

namespace galaxy::siege {
namespace {

using namespace std::literals;

/// One that holds each of what can be held, and those that keep the node busy.
void mix(const Field& field)
{
    std::vector<std::jthread> threads;
    for (const Attack& attack : all_attacks()) {
        for (const std::string_view name :
             {"hang-up"sv, "long-keys"sv, "waiters"sv, "slow-senders"sv, "resets"sv,
              "unread-http"sv, "unfinished"sv, "bodies"sv, "garbage"sv})
            if (attack.name == name) threads.emplace_back([&field, attack] { attack.run(field); });
    }
}

}  // namespace

std::vector<Attack> all_attacks()
{
    std::vector<Attack> all = stream_attacks();
    for (const std::vector<Attack>& more : {request_attacks(), connection_attacks()})
        all.insert(all.end(), more.begin(), more.end());
    all.push_back({"mix", "nine of these at once", &mix});
    return all;
}

}  // namespace galaxy::siege

// SPDX-License-Identifier: BSL-1.0
#include "siege/attack.hpp"

#include "siege/values.hpp"

#include <string>

// By connections alone, whatever is said on them.
namespace galaxy::siege {
namespace {

using namespace std::chrono_literals;

constexpr auto tick = 10ms;

void slow_senders(const Field& field)
{
    auto next = std::chrono::steady_clock::now();
    Crowd crowd(field.place);
    while (field.goes_on()) {
        crowd.fill(500, [](Line& line) { line.say(std::string("G")); });
        crowd.step(tick);
        if (std::chrono::steady_clock::now() < next) continue;
        next += 1s;
        crowd.each([](Line& line) { line.say(std::string("G")); });
    }
}

void resets(const Field& field)
{
    Crowd crowd(field.place);
    while (field.goes_on()) {
        std::size_t opened = 0;
        crowd.fill(32, [&](Line& line) {
            if (++opened % 2 == 0) line.say(std::string("GET /get/g/x HT"));
        });
        crowd.step(0ms);
        crowd.drop_if([](Line& line) {
            line.reset();
            return true;
        });
    }
}

void hits_then_idle(const Field& field)
{
    const Text request =
        text("GET /get/g/" + sized_key(100, "idle") + " HTTP/1.1\r\nHost: x\r\n\r\n");
    Crowd crowd(field.place);
    while (field.goes_on()) {
        crowd.fill(400, [&](Line& line) { line.say(request); });
        crowd.step(tick);
    }
}

}  // namespace

std::vector<Attack> connection_attacks()
{
    return {
        {"slow-senders", "500 connections that send a byte of a request a second", &slow_senders},
        {"resets", "connections opened and reset as fast as may be", &resets},
        {"hits-then-idle", "400 connections that ask once and stay", &hits_then_idle},
    };
}

}  // namespace galaxy::siege

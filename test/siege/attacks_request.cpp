// SPDX-License-Identifier: BSL-1.0
#include "siege/attack.hpp"

#include "siege/values.hpp"

#include <string>

// By requests that cost much, or that do not end.
namespace galaxy::siege {
namespace {

using namespace std::chrono_literals;

constexpr auto tick = 10ms;
constexpr std::size_t large = 7'000'000;

std::string get(std::string_view key)
{
    return "GET /get/g/" + std::string(key) + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

/// As many connections as that, each of which says these words and stays.
void hold(const Field& field, std::size_t count, const std::string& words)
{
    const Text shared = text(words);
    Crowd crowd(field.place);
    while (field.goes_on()) {
        crowd.fill(count, [&](Line& line) { line.say(shared); });
        crowd.step(tick);
    }
}

void waiters(const Field& field)
{
    const auto ask = [](Line& line) { line.say(get(slow_key(2000ms, fresh_name()))); };
    Crowd crowd(field.place);
    while (field.goes_on()) {
        crowd.fill(240, ask);
        crowd.step(tick);
    }
}

void unread(const Field& field, Ears ears)
{
    Crowd crowd(field.place, Talk::http, ears);
    while (field.goes_on()) {
        crowd.fill(60, [](Line& line) { line.say(get(sized_key(large, fresh_name()))); });
        crowd.step(tick);
    }
}

void unread_http(const Field& field)
{
    unread(field, Ears::closed);
}

void trickle_readers(const Field& field)
{
    unread(field, Ears::trickling);
}

void bodies(const Field& field)
{
    constexpr std::size_t most = std::size_t{64} << 10;
    hold(field, 400,
         "POST /get/g/x HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(most) + "\r\n\r\n"
             + std::string(most - 1, 'b'));
}

void tiny_fields(const Field& field)
{
    std::string words = "GET /get/g/x HTTP/1.1\r\nHost: x\r\n";
    while (words.size() < 120'000) words += "a:b\r\n";
    hold(field, 400, words);
}

void chunks(const Field& field)
{
    const std::string head =
        "POST /get/g/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    const Text extension = text(head + "1;" + std::string(120'000, 'e'));
    std::string lines = head + "0\r\n";
    while (lines.size() < 120'000) lines += "a:b\r\n";
    const Text trailer = text(lines);
    std::size_t opened = 0;
    Crowd crowd(field.place);
    while (field.goes_on()) {
        crowd.fill(400, [&](Line& line) { line.say(++opened % 2 == 0 ? extension : trailer); });
        crowd.step(tick);
    }
}

void digests(const Field& field)
{
    Crowd crowd(field.place);
    while (field.goes_on()) {
        crowd.fill(32, [](Line& line) {
            std::string digest = fresh_name();
            digest.resize(60'000, 'd');
            for (int i = 0; i < 4; ++i)
                line.say("GET /_galaxycache_peek/g/x HTTP/1.1\r\nHost: x\r\nX-Galaxy-Digest: "
                         + fresh_name() + digest + "\r\n\r\n");
        });
        crowd.step(tick);
        crowd.drop_if([](const Line& line) { return line.all_said() && line.answers() > 0; });
    }
}

void garbage(const Field& field)
{
    std::string noise;
    for (unsigned i = 1; noise.size() < 2000; i = i * 48271 % 0x7fffffff)
        noise += static_cast<char>(i >> 8);
    const std::string rest = " HTTP/1.1\r\nHost: x\r\n\r\n";
    const std::string kinds[] = {
        noise,
        "BREW /get/g/x" + rest,
        "GET /_galaxycache/g/%zz" + rest,
        "GET /get/g/" + std::string(300'000, 'k') + rest,
        "GET /get/g/x HTTP/1.1\r\nX: " + std::string(70'000, 'l') + "\r\n\r\n",
        "POST /get/g/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        "GET /get/g/x HTTP/7.3\r\n\r\n",
        "\r\n\r\n",
    };
    std::size_t opened = 0;
    Crowd crowd(field.place);
    while (field.goes_on()) {
        crowd.fill(32, [&](Line& line) { line.say(kinds[opened++ % std::size(kinds)]); });
        crowd.step(tick);
        crowd.drop_if([](const Line& line) { return line.all_said() && line.answers() > 0; });
    }
}

}  // namespace

std::vector<Attack> request_attacks()
{
    return {
        {"waiters", "240 connections that wait for slow loads", &waiters},
        {"unread-http", "60 readers of 7 MB each that read nothing", &unread_http},
        {"trickle-readers", "60 readers of 7 MB each, some bytes at a time", &trickle_readers},
        {"bodies", "400 requests whose bodies lack a byte", &bodies},
        {"tiny-fields", "400 headers of as many fields as there is room for, without an end",
         &tiny_fields},
        {"chunks", "400 requests with an extension of a chunk, or a trailer, without an end",
         &chunks},
        {"digests", "digests of the ring of 60 kB, each another", &digests},
        {"garbage", "noise, and requests that are none", &garbage},
    };
}

}  // namespace galaxy::siege

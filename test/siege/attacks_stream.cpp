// SPDX-License-Identifier: BSL-1.0
#include "siege/attack.hpp"

#include "integration/stream_wire.hpp"
#include "siege/values.hpp"

#include <limits>
#include <string>

// By those who have made a stream of their connections.
namespace galaxy::siege {
namespace {

using namespace std::chrono_literals;
using test::asking;

constexpr std::uint32_t longest = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t max_message = std::size_t{1} << 20;
constexpr auto slow = 1000ms;
/// Pings have to be answered, and who is dropped has to be replaced, soon.
constexpr auto tick = 10ms;

std::string message(std::string_view frames)
{
    return message_of(test::Opcode::binary, frames, test::Mask::present);
}

/// Fetches of so many slow keys of at least that length, in messages as long as may be.
template <class Id>
void ask_slow_keys(Line& line, std::size_t count, std::size_t length, Id id)
{
    std::string frames;
    for (std::size_t i = 0; i < count; ++i) {
        std::string key = slow_key(slow, fresh_name());
        key.resize(std::max(length, key.size()), 'k');
        const std::string frame = asking(id(i), key, longest);
        if (frames.size() + frame.size() > max_message) {
            line.say(message(frames));
            frames.clear();
        }
        frames += frame;
    }
    line.say(message(frames));
}

std::uint64_t in_order(std::size_t i)
{
    return i;
}

void hang_up(const Field& field)
{
    Crowd crowd(field.place, Talk::stream);
    while (field.goes_on()) {
        crowd.fill(4, [](Line& line) { ask_slow_keys(line, 4096, 0, in_order); });
        crowd.step(tick);
        crowd.drop_if([](const Line& line) { return line.all_said(); });
    }
}

void long_keys(const Field& field)
{
    constexpr std::size_t longest_key = 32 << 10;
    Crowd crowd(field.place, Talk::stream);
    while (field.goes_on()) {
        crowd.fill(8, [](Line& line) { ask_slow_keys(line, 62, longest_key, in_order); });
        crowd.step(tick);
        crowd.drop_if([](const Line& line) { return line.all_said(); });
    }
}

void pingers(const Field& field)
{
    Crowd crowd(field.place, Talk::stream);
    while (field.goes_on()) {
        crowd.fill(400, [](Line&) {});
        crowd.step(tick);
    }
}

void unfinished(const Field& field)
{
    std::string frames = message(std::string(max_message, 'x'));
    frames.pop_back();
    const Text words = text(std::move(frames));
    Crowd crowd(field.place, Talk::stream);
    while (field.goes_on()) {
        crowd.fill(200, [&](Line& line) { line.say(words); });
        crowd.step(tick);
    }
}

void unread_streams(const Field& field)
{
    constexpr std::size_t largest_in_one_piece = 60'000;
    std::string frames;
    for (std::size_t i = 0; i < 500; ++i)
        frames += asking(i, sized_key(largest_in_one_piece, "unread-" + std::to_string(i % 16)));
    const Text words = text(message(frames));
    Crowd crowd(field.place, Talk::stream, Ears::closed);
    while (field.goes_on()) {
        crowd.fill(100, [&](Line& line) { line.say(words); });
        crowd.step(tick);
    }
}

// A table of libstdc++ that grows to a thousand entries has these numbers of buckets on its way. A
// table of powers of two, which takes the lowest bits, is met by the other half of the lines.
constexpr std::uint64_t every_prime = std::uint64_t{13} * 29 * 59 * 127 * 257 * 541 * 1109;
constexpr std::uint64_t every_power = std::uint64_t{1} << 48;

void ids(const Field& field)
{
    std::size_t opened = 0;
    Crowd crowd(field.place, Talk::stream);
    while (field.goes_on()) {
        crowd.fill(16, [&](Line& line) {
            const std::uint64_t step = ++opened % 2 == 0 ? every_prime : every_power;
            ask_slow_keys(line, 1024, 0, [step](std::size_t i) { return i * step; });
        });
        crowd.step(tick);
        crowd.drop_if([](const Line& line) { return line.answers() >= 1000; });
    }
}

void many_loads(const Field& field)
{
    constexpr std::size_t at_once = 1000;
    std::size_t asked = 0;
    Crowd crowd(field.place, Talk::stream);
    while (field.goes_on()) {
        crowd.fill(1, [&](Line&) { asked = 0; });
        crowd.each([&](Line& line) {
            if (line.answers() < asked) return;
            std::string frames;
            for (std::size_t i = 0; i < at_once; ++i)
                frames += asking(asked++, sized_key(1000, fresh_name()), longest);
            line.say(message(frames));
        });
        crowd.step(tick);
    }
}

void bad_frames(const Field& field)
{
    const std::string kinds[] = {
        test::frame_of(64, "an answer to nothing"),
        test::frame_of(200, "no such kind"),
        test::frame_of(1, "cut"),
        asking(1, "same id") + asking(1, "same id"),
        std::string("\xff\xff\xff\xff\x01", 5),
        {},
    };
    std::size_t opened = 0;
    Crowd crowd(field.place, Talk::stream);
    while (field.goes_on()) {
        crowd.fill(32, [&](Line& line) { line.say(message(kinds[opened++ % std::size(kinds)])); });
        crowd.step(tick);
    }
}

}  // namespace

std::vector<Attack> stream_attacks()
{
    return {
        {"hang-up", "streams that ask for 4096 slow keys, for as long as may be, and go", &hang_up},
        {"long-keys", "eight streams with keys of 32 KiB, gone and here again", &long_keys},
        {"pingers", "streams that do nothing but answer pings, as many as there is room", &pingers},
        {"unfinished", "200 streams with a message of 1 MiB but for its last byte", &unfinished},
        {"unread-streams", "100 streams that ask for 30 MB from memory and read nothing",
         &unread_streams},
        {"ids", "16 streams whose ids share a bucket of a table", &ids},
        {"many-loads", "one stream that asks for a thousand loads at once", &many_loads},
        {"bad-frames", "streams that break the protocol", &bad_frames},
    };
}

}  // namespace galaxy::siege

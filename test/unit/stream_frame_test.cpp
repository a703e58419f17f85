// SPDX-License-Identifier: BSL-1.0
#include "http/stream/frame.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>
#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

namespace {

using namespace galaxy;
using namespace galaxy::http::stream;

/// The one frame that a message holds.
Frame only(std::string_view message)
{
    const auto frame = take_frame(message);
    REQUIRE(frame.has_value());
    REQUIRE(message.empty());
    return *frame;
}

std::string hex(std::string_view bytes)
{
    std::string text;
    for (const char byte : bytes) {
        text += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4];
        text += "0123456789abcdef"[static_cast<unsigned char>(byte) & 15];
    }
    return text;
}

}  // namespace

// What is on the wire of this release and must be answered by every later one.
TEST_CASE("Frames of version 1, byte for byte", "[stream][wire]")
{
    std::string fetch, traced, peek, cancel, ring, value, ending, piece, nothing;
    append_request(fetch, Kind::fetch,
                   {.id = 0x0102030405060708, .timeout_ms = 250, .galaxy = "g", .key = "ab"});
    CHECK(hex(fetch)
          == "13000000"
             "01"
             "0807060504030201"
             "fa000000"
             "01"
             "0000"
             "67"
             "6162");
    append_request(traced, Kind::fetch,
                   {.id = 1, .galaxy = "g", .key = "k", .trace = {.traceparent = "t"}});
    CHECK(hex(traced)
          == "1b000000"
             "01"
             "0100000000000000"
             "00000000"
             "01"
             "0900"
             "67"
             "0100"
             "74"
             "0000"
             "0000"
             "0000"
             "6b");
    append_request(peek, Kind::peek, {.id = 2, .timeout_ms = 10, .galaxy = "", .key = ""});
    CHECK(hex(peek)
          == "10000000"
             "02"
             "0200000000000000"
             "0a000000"
             "00"
             "0000");
    append_cancel(cancel, 3);
    CHECK(hex(cancel)
          == "09000000"
             "03"
             "0300000000000000");
    append_ring(ring, "0123");
    CHECK(hex(ring)
          == "05000000"
             "04"
             "30313233");
    append_answer(value, {.id = 4, .value = "v"});
    CHECK(hex(value)
          == "0c000000"
             "40"
             "0400000000000000"
             "00"
             "00"
             "76");
    append_answer(ending, {.id = 5, .draining = true, .lifetime_ns = 1, .expires_ns = -1});
    CHECK(hex(ending)
          == "1b000000"
             "40"
             "0500000000000000"
             "00"
             "07"
             "0100000000000000"
             "ffffffffffffffff");
    append_piece(piece, {.id = 7, .whole = 300, .bytes = "v"});
    CHECK(hex(piece)
          == "12000000"
             "41"
             "0700000000000000"
             "2c01000000000000"
             "76");
    append_answer(nothing, {.id = 6, .status = Status::not_found});
    CHECK(hex(nothing)
          == "0b000000"
             "40"
             "0600000000000000"
             "01"
             "00");
}

TEST_CASE("What is written is read", "[stream][wire]")
{
    std::string message;
    const std::string key("\0/%\xff", 4);
    const TraceContext trace{.traceparent = "00-1", .b3_trace_id = "2", .b3_sampled = "3"};
    append_request(message, Kind::peek,
                   {.id = 7, .timeout_ms = 8, .galaxy = "galaxy", .key = key, .trace = trace});
    const std::size_t first = message.size();
    append_answer(message, {.id = ~std::uint64_t{0},
                            .status = Status::busy,
                            .draining = true,
                            .expires_ns = 5,
                            .value = key});
    std::string_view left = message;
    const auto frame = take_frame(left);
    REQUIRE(frame.has_value());
    CHECK(left.size() == message.size() - first);
    CHECK(frame->kind == Kind::peek);
    const auto request = read_request(frame->body);
    REQUIRE(request.has_value());
    CHECK(request->id == 7);
    CHECK(request->timeout_ms == 8);
    CHECK(request->galaxy == "galaxy");
    CHECK(request->key == key);
    CHECK(request->trace.traceparent == "00-1");
    CHECK(request->trace.b3_trace_id == "2");
    CHECK(request->trace.b3_span_id.empty());
    CHECK(request->trace.b3_sampled == "3");
    const auto answer = read_answer(only(left).body);
    REQUIRE(answer.has_value());
    CHECK(answer->id == ~std::uint64_t{0});
    CHECK(answer->status == Status::busy);
    CHECK(answer->draining);
    CHECK_FALSE(answer->lifetime_ns.has_value());
    CHECK(answer->expires_ns == 5);
    CHECK(answer->value == key);
}

TEST_CASE("A trace that may not be handed on is left out", "[stream][wire]")
{
    std::string message;
    append_request(message, Kind::fetch,
                   {.id = 1,
                    .galaxy = "g",
                    .key = "k",
                    .trace = {.traceparent = "a\r\nb", .b3_trace_id = "good"}});
    const auto request = read_request(only(message).body);
    REQUIRE(request.has_value());
    CHECK(request->trace.traceparent.empty());
    CHECK(request->trace.b3_trace_id == "good");
}

TEST_CASE("A frame that is cut anywhere is no frame", "[stream][wire]")
{
    std::string message;
    append_request(message, Kind::fetch,
                   {.id = 1, .galaxy = "g", .key = "", .trace = {.traceparent = "t"}});
    for (std::size_t size = 0; size != message.size(); ++size) {
        std::string_view cut(message.data(), size);
        CHECK_FALSE(take_frame(cut).has_value());
    }
    const Frame whole = only(message);
    for (std::size_t size = 0; size != whole.body.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(read_request(whole.body.substr(0, size)).has_value());
        CHECK(read_id(whole.body.substr(0, size)).has_value() == (size >= 8));
    }

    std::string answer;
    append_answer(answer, {.id = 1, .lifetime_ns = 2, .expires_ns = 3});
    const Frame said = only(answer);
    for (std::size_t size = 0; size != said.body.size(); ++size)
        CHECK_FALSE(read_answer(said.body.substr(0, size)).has_value());

    std::string piece;
    append_piece(piece, {.id = 1, .whole = 2, .bytes = ""});
    const Frame some = only(piece);
    for (std::size_t size = 0; size != some.body.size(); ++size)
        CHECK_FALSE(read_piece(some.body.substr(0, size)).has_value());
    CHECK(read_piece(some.body)->whole == 2);
}

TEST_CASE("Lengths that lie are found out", "[stream][wire]")
{
    const std::string_view no_kind("\0\0\0\0", 4);
    std::string_view message = no_kind;
    CHECK_FALSE(take_frame(message).has_value());
    const std::string huge = std::string("\xff\xff\xff\xff\x01", 5) + std::string(100, 'x');
    message = huge;
    CHECK_FALSE(take_frame(message).has_value());
    // A trace with more than its four parts, and one whose part is longer than itself.
    std::string body(8 + 4, '\0');
    body += std::string("\x00\x0a\x00", 3) + std::string(10, '\0');
    CHECK_FALSE(read_request(body).has_value());
    body.resize(8 + 4);
    body += std::string("\x00\x08\x00\xff\xff", 5) + std::string(6, '\0');
    CHECK_FALSE(read_request(body).has_value());
    CHECK_FALSE(read_ring(std::string(65, 'x')).has_value());
    CHECK(read_ring("").has_value());
}

TEST_CASE("Errors travel as statuses and come back as what the asker makes of them", "[stream]")
{
    for (const errc same : {errc::not_found, errc::backend_failed, errc::no_such_galaxy, errc::busy,
                            errc::timed_out, errc::unsupported, errc::value_too_large}) {
        CHECK(error_of(status_of(same)) == same);
    }
    CHECK_FALSE(error_of(status_of({})));
    CHECK(error_of(status_of(errc::refused)) == errc::busy);
    CHECK(error_of(status_of(errc::closed)) == errc::busy);
    CHECK(error_of(status_of(errc::key_too_long)) == errc::unsupported);
    CHECK(error_of(status_of(boost::asio::error::eof)) == errc::backend_failed);
    for (unsigned status = 10; status != 256; ++status)
        CHECK(error_of(static_cast<Status>(status)) == errc::protocol_error);
}

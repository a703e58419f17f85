// SPDX-License-Identifier: BSL-1.0
#include "http/stream/frame.hpp"

#include "fuzz/target.hpp"
#include "trace_strings.hpp"

#include <galaxy/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The input is a message of a stream, from either side.

namespace galaxy::fuzz {
namespace {

namespace stream = http::stream;

using stream::Answer;
using stream::Frame;
using stream::Kind;
using stream::Request;

/// Bytes that a frame takes beside galaxy, key, trace and value, at most.
constexpr std::size_t frame_overhead = 40;

/// The body of the one frame that was written.
std::string_view only_body(std::string_view message, Kind kind)
{
    const std::optional<Frame> frame = stream::take_frame(message);
    require(frame && message.empty(), "what is written is one frame");
    require(frame->kind == kind, "of its kind");
    return frame->body;
}

/// What is handed on of a part of a trace that came with a request.
std::string_view handed_on(std::string_view part)
{
    return is_traceable(part) ? part : std::string_view();
}

void check_request(Kind kind, std::string_view body)
{
    const std::optional<Request> request = stream::read_request(body);
    if (!request) return;
    require(stream::read_id(body) == request->id, "a request begins with its id");
    require(request->galaxy.size() + request->key.size() <= body.size(), "nothing is made up");
    std::string message;
    stream::append_request(message, kind, *request);
    const auto again = stream::read_request(only_body(message, kind));
    require(again && again->id == request->id && again->timeout_ms == request->timeout_ms
                && again->galaxy == request->galaxy && again->key == request->key,
            "a request is read as it was written");
    require(again->trace.traceparent == handed_on(request->trace.traceparent)
                && again->trace.b3_trace_id == handed_on(request->trace.b3_trace_id)
                && again->trace.b3_span_id == handed_on(request->trace.b3_span_id)
                && again->trace.b3_sampled == handed_on(request->trace.b3_sampled),
            "so is what of a trace may be handed on, and nothing else");
    const std::size_t parts = request->galaxy.size() + request->key.size()
                              + again->trace.traceparent.size() + again->trace.b3_trace_id.size()
                              + again->trace.b3_span_id.size() + again->trace.b3_sampled.size();
    require(message.size() <= parts + frame_overhead, "the overhead is bounded");
}

void check_answer(std::string_view body)
{
    const std::optional<Answer> answer = stream::read_answer(body);
    if (!answer) return;
    std::string message;
    stream::append_answer(message, *answer);
    const auto again = stream::read_answer(only_body(message, Kind::answer));
    require(again && again->id == answer->id && again->status == answer->status
                && again->draining == answer->draining && again->value == answer->value
                && again->lifetime_ns == answer->lifetime_ns
                && again->expires_ns == answer->expires_ns,
            "an answer is read as it was written");
    require(message.size() <= answer->value.size() + frame_overhead, "the overhead is bounded");
    const boost::system::error_code error = stream::error_of(answer->status);
    require(!error == (answer->status == stream::Status::value), "only a value is no error");
}

void check_piece(std::string_view body)
{
    const auto piece = stream::read_piece(body);
    if (!piece) return;
    std::string message;
    stream::append_piece(message, *piece);
    require(only_body(message, Kind::piece) == body, "a piece is written as it was read");
}

std::optional<Frame> take(std::string_view& message)
{
    const std::size_t before = message.size();
    const std::optional<Frame> frame = stream::take_frame(message);
    const std::size_t taken = frame ? sizeof(std::uint32_t) + 1 + frame->body.size() : 0;
    require(message.size() == before - taken, "a frame is taken whole or not at all");
    return frame;
}

}  // namespace

void run(std::string_view input)
{
    while (const std::optional<Frame> frame = take(input)) {
        check_request(Kind::fetch, frame->body);
        check_answer(frame->body);
        check_piece(frame->body);
        const auto digest = stream::read_ring(frame->body);
        require(!digest || *digest == frame->body, "a digest is all of its frame");
    }
}

}  // namespace galaxy::fuzz

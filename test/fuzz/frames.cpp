// SPDX-License-Identifier: BSL-1.0
#include "stream/frame.hpp"

#include "fuzz/target.hpp"

#include <optional>
#include <string>
#include <string_view>

// The input is a message of a stream, from either side.

namespace galaxy::fuzz {
namespace {

using namespace stream;

bool lies_in(std::string_view part, std::string_view whole)
{
    return part.empty()
           || (part.data() >= whole.data()
               && part.data() + part.size() <= whole.data() + whole.size());
}

/// What was read is written and read again; a trace that may not be handed on is lost on the way.
void read_request_of(const Frame& frame)
{
    const std::optional<Request> request = read_request(frame.body);
    if (!request) return;
    require(read_id(frame.body) == request->id, "a request begins with its id");
    require(lies_in(request->galaxy, frame.body) && lies_in(request->key, frame.body),
            "views are into the frame");
    std::string again;
    append_request(again, frame.kind, *request);
    std::string_view rest = again;
    const std::optional<Frame> copy = take_frame(rest);
    require(copy && rest.empty() && copy->kind == frame.kind, "a request is one frame");
    const std::optional<Request> read = read_request(copy->body);
    require(read && read->id == request->id && read->timeout_ms == request->timeout_ms
                && read->galaxy == request->galaxy && read->key == request->key,
            "a request is read as it was written");
    require(read->trace.traceparent.empty()
                || read->trace.traceparent == request->trace.traceparent,
            "a trace is handed on as it is, or not at all");
}

void read_answer_of(const Frame& frame)
{
    const std::optional<Answer> answer = read_answer(frame.body);
    if (!answer) return;
    require(lies_in(answer->value, frame.body), "a value is of the frame");
    std::string again;
    append_answer(again, *answer);
    std::string_view rest = again;
    const std::optional<Frame> copy = take_frame(rest);
    require(copy && rest.empty() && copy->kind == Kind::answer, "an answer is one frame");
    const std::optional<Answer> read = read_answer(copy->body);
    require(read && read->id == answer->id && read->status == answer->status
                && read->draining == answer->draining && read->lifetime_ns == answer->lifetime_ns
                && read->expires_ns == answer->expires_ns && read->value == answer->value,
            "an answer is read as it was written");
    const bool is_value = answer->status == Status::value;
    require(is_value != error_of(answer->status).failed(), "only a value is no error");
}

}  // namespace

void run(std::string_view input)
{
    std::string_view rest = input;
    while (const std::optional<Frame> frame = take_frame(rest)) {
        require(lies_in(frame->body, input) && lies_in(rest, input), "frames are of the message");
        read_request_of(*frame);
        read_answer_of(*frame);
        const std::optional<std::string_view> digest = read_ring(frame->body);
        require(!digest || *digest == frame->body, "a digest is all of its frame");
        if (rest.empty()) break;
    }
}

}  // namespace galaxy::fuzz

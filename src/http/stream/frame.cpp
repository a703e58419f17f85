// SPDX-License-Identifier: BSL-1.0
#include "http/stream/frame.hpp"

#include "trace_strings.hpp"

#include <galaxy/error.hpp>

#include <bit>
#include <concepts>
#include <cstring>

namespace galaxy::http::stream {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

constexpr std::size_t longest_digest = 64;

/// Bytes of a request before its galaxy, and of an answer before its value at most.
constexpr std::size_t request_front = 8 + 4 + 1 + 2;
constexpr std::size_t answer_front = 8 + 1 + 1 + 8 + 8;

enum AnswerFlag : std::uint8_t { has_lifetime = 1, has_expires = 2, is_draining = 4 };

template <std::integral Number>
void append_number(std::string& to, Number number)
{
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    to.append(bytes, sizeof bytes);
}

/// Bytes before a frame's body.
constexpr std::size_t front_size = sizeof(std::uint32_t) + sizeof(Kind);

/// Writes a frame and, when it is complete, its size in front. All that may throw is its
/// constructor, where `body_size` is as long as the body becomes.
class FrameWriter {
public:
    FrameWriter(std::string& to, Kind kind, std::size_t body_size) : to_(to), begin_(to.size())
    {
        to_.reserve(begin_ + front_size + body_size);
        append_number(to_, std::uint32_t{0});
        append_number(to_, static_cast<std::uint8_t>(kind));
    }
    FrameWriter(const FrameWriter&) = delete;
    FrameWriter& operator=(const FrameWriter&) = delete;
    ~FrameWriter()
    {
        const auto size = static_cast<std::uint32_t>(to_.size() - begin_ - sizeof(std::uint32_t));
        std::memcpy(to_.data() + begin_, &size, sizeof size);
    }

private:
    std::string& to_;
    const std::size_t begin_;
};

/// Takes what a frame is made of off its front; once something was missing, everything is.
class Cutter {
public:
    explicit Cutter(std::string_view bytes) noexcept : bytes_(bytes) {}

    template <std::integral Number>
    Number number() noexcept
    {
        Number value{};
        const std::string_view taken = text(sizeof value);
        if (taken.size() == sizeof value) std::memcpy(&value, taken.data(), sizeof value);
        return value;
    }

    std::string_view text(std::size_t size) noexcept
    {
        if (size > bytes_.size()) {
            whole_ = false;
            bytes_ = {};
            return {};
        }
        const std::string_view taken = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return taken;
    }

    std::string_view rest() noexcept { return text(bytes_.size()); }
    bool whole() const noexcept { return whole_; }
    bool at_end() const noexcept { return whole_ && bytes_.empty(); }

private:
    std::string_view bytes_;
    bool whole_ = true;
};

constexpr std::string_view TraceContext::* trace_parts[] = {
    &TraceContext::traceparent, &TraceContext::b3_trace_id, &TraceContext::b3_span_id,
    &TraceContext::b3_sampled};

/// What of a trace may be handed on.
TraceContext traceable(const TraceContext& trace)
{
    TraceContext good;
    for (const auto part : trace_parts)
        if (is_traceable(trace.*part)) good.*part = trace.*part;
    return good;
}

std::uint16_t trace_size(const TraceContext& trace)
{
    if (trace.empty()) return 0;
    std::size_t size = 0;
    for (const auto part : trace_parts) size += sizeof(std::uint16_t) + (trace.*part).size();
    return static_cast<std::uint16_t>(size);
}

std::optional<TraceContext> read_trace(std::string_view bytes)
{
    TraceContext trace;
    if (bytes.empty()) return trace;
    Cutter cut(bytes);
    for (const auto part : trace_parts) trace.*part = cut.text(cut.number<std::uint16_t>());
    if (!cut.at_end()) return std::nullopt;
    return trace;
}

}  // namespace

void append_request(std::string& to, Kind kind, const Request& request)
{
    const TraceContext trace = traceable(request.trace);
    const std::uint16_t size_of_trace = trace_size(trace);
    const FrameWriter frame(
        to, kind, request_front + request.galaxy.size() + size_of_trace + request.key.size());
    append_number(to, request.id);
    append_number(to, request.timeout_ms);
    append_number(to, static_cast<std::uint8_t>(request.galaxy.size()));
    append_number(to, size_of_trace);
    to += request.galaxy;
    if (!trace.empty()) {
        for (const auto part : trace_parts) {
            append_number(to, static_cast<std::uint16_t>((trace.*part).size()));
            to += trace.*part;
        }
    }
    to += request.key;
}

void append_cancel(std::string& to, std::uint64_t id)
{
    const FrameWriter frame(to, Kind::cancel, sizeof id);
    append_number(to, id);
}

void append_ring(std::string& to, std::string_view digest)
{
    const std::string_view told = digest.substr(0, longest_digest);
    const FrameWriter frame(to, Kind::ring, told.size());
    to += told;
}

void append_answer(std::string& to, const Answer& answer)
{
    const FrameWriter frame(to, Kind::answer, answer_front + answer.value.size());
    append_number(to, answer.id);
    append_number(to, static_cast<std::uint8_t>(answer.status));
    append_number(to, static_cast<std::uint8_t>((answer.lifetime_ns ? has_lifetime : 0)
                                                | (answer.expires_ns ? has_expires : 0)
                                                | (answer.draining ? is_draining : 0)));
    if (answer.lifetime_ns) append_number(to, *answer.lifetime_ns);
    if (answer.expires_ns) append_number(to, *answer.expires_ns);
    to += answer.value;
}

void append_piece(std::string& to, const Piece& piece)
{
    const FrameWriter frame(to, Kind::piece, 2 * sizeof piece.id + piece.bytes.size());
    append_number(to, piece.id);
    append_number(to, piece.whole);
    to += piece.bytes;
}

std::optional<Frame> take_frame(std::string_view& message)
{
    Cutter cut(message);
    Cutter inside(cut.text(cut.number<std::uint32_t>()));
    const auto kind = static_cast<Kind>(inside.number<std::uint8_t>());
    if (!cut.whole() || !inside.whole()) return std::nullopt;
    message = cut.rest();
    return Frame{kind, inside.rest()};
}

std::optional<std::uint64_t> read_id(std::string_view body)
{
    Cutter cut(body);
    const auto id = cut.number<std::uint64_t>();
    if (!cut.whole()) return std::nullopt;
    return id;
}

std::optional<Request> read_request(std::string_view body)
{
    Cutter cut(body);
    Request request;
    request.id = cut.number<std::uint64_t>();
    request.timeout_ms = cut.number<std::uint32_t>();
    const auto galaxy_size = cut.number<std::uint8_t>();
    const auto size_of_trace = cut.number<std::uint16_t>();
    request.galaxy = cut.text(galaxy_size);
    const std::optional<TraceContext> trace = read_trace(cut.text(size_of_trace));
    request.key = cut.rest();
    if (!cut.whole() || !trace) return std::nullopt;
    request.trace = *trace;
    return request;
}

std::optional<std::string_view> read_ring(std::string_view body)
{
    if (body.size() > longest_digest) return std::nullopt;
    return body;
}

std::optional<Answer> read_answer(std::string_view body)
{
    Cutter cut(body);
    Answer answer;
    answer.id = cut.number<std::uint64_t>();
    answer.status = static_cast<Status>(cut.number<std::uint8_t>());
    const auto flags = cut.number<std::uint8_t>();
    answer.draining = (flags & is_draining) != 0;
    if ((flags & has_lifetime) != 0) answer.lifetime_ns = cut.number<std::uint64_t>();
    if ((flags & has_expires) != 0) answer.expires_ns = cut.number<std::int64_t>();
    answer.value = cut.rest();
    if (!cut.whole()) return std::nullopt;
    return answer;
}

std::optional<Piece> read_piece(std::string_view body)
{
    Cutter cut(body);
    Piece piece;
    piece.id = cut.number<std::uint64_t>();
    piece.whole = cut.number<std::uint64_t>();
    piece.bytes = cut.rest();
    if (!cut.whole()) return std::nullopt;
    return piece;
}

Status status_of(const boost::system::error_code& error)
{
    if (!error) return Status::value;
    if (error == errc::not_found) return Status::not_found;
    if (error == errc::no_such_galaxy) return Status::no_such_galaxy;
    if (error == errc::busy || error == errc::refused || error == errc::closed) return Status::busy;
    if (error == errc::timed_out) return Status::timed_out;
    if (error == errc::unsupported) return Status::unsupported;
    if (error == errc::value_too_large) return Status::value_too_large;
    if (error == errc::key_too_long) return Status::key_too_long;
    return Status::backend_failed;  // whatever it threw
}

boost::system::error_code error_of(Status status)
{
    switch (status) {
    case Status::value: return {};
    case Status::not_found: return errc::not_found;
    case Status::backend_failed: return errc::backend_failed;
    case Status::no_such_galaxy: return errc::no_such_galaxy;
    case Status::busy: return errc::busy;
    case Status::timed_out: return errc::timed_out;
    case Status::unsupported:
    case Status::key_too_long: return errc::unsupported;
    case Status::value_too_large: return errc::value_too_large;
    case Status::ask_by_http: break;  // not an end: the asker asks again
    }
    return errc::protocol_error;
}

}  // namespace galaxy::http::stream

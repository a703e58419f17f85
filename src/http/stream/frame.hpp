// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/get_options.hpp>

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What travels in the messages of a stream: pure functions, no sockets. See docs/wire.md, which
// says everything that is fixed. A message is one frame after the other; a frame is
//
//     size u32 | kind u8 | what the kind says         (size counts all after itself)
//
// with all numbers in little-endian order.
namespace galaxy::http::stream {

/// The subprotocol that both sides name when a connection becomes a stream.
inline constexpr std::string_view subprotocol = "galaxy.1";

/// A frame's kind. Those below 64 go to the side that serves and, but for `ring`, begin with an id.
enum class Kind : std::uint8_t {
    fetch = 1,
    peek = 2,
    cancel = 3,  ///< the asker does not wait for that answer any more
    ring = 4,    ///< the digest that the requests which follow go by
    answer = 64,
    piece = 65,  ///< of a value, the last of which is in the answer; to who said that it takes them
};

struct Frame {
    Kind kind{};
    std::string_view body;
};

/// A fetch, a peek, or a verb that only a later release knows.
struct Request {
    std::uint64_t id = 0;
    std::uint32_t timeout_ms = 0;  ///< what is left of the asker's time; zero: not said
    std::string_view galaxy = {};
    std::string_view key = {};
    TraceContext trace = {};
};

/// How an answer came out. The numbers are the wire's.
enum class Status : std::uint8_t {
    value = 0,
    not_found = 1,
    backend_failed = 2,
    no_such_galaxy = 3,
    busy = 4,
    timed_out = 5,
    unsupported = 6,
    value_too_large = 7,
    key_too_long = 8,
    ask_by_http = 9,  ///< too much for this stream; nothing was loaded for it
};

struct Answer {
    std::uint64_t id = 0;
    Status status = Status::value;
    bool draining = false;
    std::optional<std::uint64_t> lifetime_ns = {};  ///< what remains
    std::optional<std::int64_t> expires_ns = {};    ///< the moment, since 1970
    std::string_view value = {};
};

/// What comes of a value before its answer, in order.
struct Piece {
    std::uint64_t id = 0;
    std::uint64_t whole = 0;  ///< bytes of the value
    std::string_view bytes = {};
};

// Each appends a whole frame; or nothing, where there is no memory for it.
void append_request(std::string& to, Kind kind, const Request& request);
void append_cancel(std::string& to, std::uint64_t id);
void append_ring(std::string& to, std::string_view digest);
void append_answer(std::string& to, const Answer& answer);
void append_piece(std::string& to, const Piece& piece);

/// Takes the next frame off `message`; nothing where it is cut. An empty message has no frame.
std::optional<Frame> take_frame(std::string_view& message);

/// Each nothing where the frame is cut, or too long for what it is.
std::optional<std::uint64_t> read_id(std::string_view body);  ///< what any request begins with
std::optional<Request> read_request(std::string_view body);   ///< of a fetch or a peek
std::optional<std::string_view> read_ring(std::string_view body);
std::optional<Answer> read_answer(std::string_view body);
std::optional<Piece> read_piece(std::string_view body);

/// The status that tells of `error`; an answer without an error is a `value`.
Status status_of(const boost::system::error_code& error);
/// What the asker makes of it; a status that is not known breaks the protocol.
boost::system::error_code error_of(Status status);

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/stream/frame.hpp"
#include "integration/websocket.hpp"
#include "integration/wire.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

// Either side of a stream, doing exactly what a test says.
namespace galaxy::test {

/// A header of who asks for a stream.
inline constexpr std::string_view takes_pieces = "X-Galaxy-Pieces: 1\r\n";

/// An answer that owns its value.
struct Told {
    explicit Told(const http::stream::Answer& told) : answer(told), value(told.value) {}

    http::stream::Answer answer;  ///< but for the value
    std::string value;
};

class StreamWire {
public:
    /// As an asker, on a connection of its own; throws where no stream is to be had.
    static StreamWire to(std::uint16_t port, std::string_view headers = {})
    {
        Wire wire = Wire::to(port);
        wire.send(upgrade_request(std::string(our_protocol) + std::string(headers)));
        if (!wire.receive_until("\r\n\r\n").starts_with("HTTP/1.1 101"))
            throw std::runtime_error("no stream");
        return {std::move(wire), Mask::present};
    }

    /// As a peer, which is asked for a stream by `request`. Takes the connection.
    static StreamWire agreed(Wire& wire, std::string_view request,
                             std::string_view headers = "X-Galaxy-Peer: b\r\n")
    {
        wire.send(agreement(request, std::string(our_protocol) + std::string(headers)));
        return {std::move(wire), Mask::none};
    }

    Wire& wire() { return wire_; }

    bool say(std::string_view frames) { return say(Opcode::binary, frames); }
    bool say(Opcode opcode, std::string_view payload)
    {
        return wire_.send(message_of(opcode, payload, mask_));
    }

    /// The next message; nothing at the end, or where none comes.
    std::optional<Message> message()
    {
        for (;;) {
            if (std::optional<Message> whole = take_message(heard_)) return whole;
            const std::string piece = wire_.receive();
            if (piece.empty()) return std::nullopt;
            heard_ += piece;
        }
    }

    /// The next frame of those in binary messages, until the next call. Pings are answered.
    std::optional<http::stream::Frame> frame()
    {
        while (rest_.empty()) {
            std::optional<Message> next = message();
            if (!next || next->opcode == Opcode::close) return std::nullopt;
            if (next->opcode == Opcode::ping) say(Opcode::pong, next->payload);
            if (next->opcode != Opcode::binary) continue;
            message_ = std::move(next->payload);
            rest_ = message_;
        }
        const auto whole = http::stream::take_frame(rest_);
        if (!whole) throw std::runtime_error("a frame that is cut");
        return whole;
    }

    /// As an asker: the next answer; nothing at the end, or where none comes.
    std::optional<Told> answer()
    {
        const auto said = frame();
        if (!said) return std::nullopt;
        const auto read = http::stream::read_answer(said->body);
        if (said->kind != http::stream::Kind::answer || !read)
            throw std::runtime_error("a frame that is no answer");
        return Told(*read);
    }

    /// As an asker that takes pieces: the next answer, with what came of its value before.
    std::optional<Told> gathered_answer()
    {
        while (const auto said = frame()) {
            using http::stream::Kind;
            if (said->kind == Kind::answer) {
                Told told(http::stream::read_answer(said->body).value());
                told.value.insert(0, std::exchange(pieces_[told.answer.id], {}));
                return told;
            }
            const http::stream::Piece piece = http::stream::read_piece(said->body).value();
            pieces_[piece.id] += piece.bytes;
        }
        return std::nullopt;
    }

    /// As a peer: the next request, until the next call; nothing at the end.
    std::optional<http::stream::Request> request()
    {
        while (const auto asked = frame()) {
            using http::stream::Kind;
            if (asked->kind == Kind::fetch || asked->kind == Kind::peek)
                return http::stream::read_request(asked->body);
        }
        return std::nullopt;
    }

    /// Whether the other side ends it, and says nothing more but goodbye.
    bool ends() { return !frame() && wire_.closed_within(std::chrono::minutes(1)); }

private:
    StreamWire(Wire wire, Mask mask) : wire_(std::move(wire)), mask_(mask) {}

    Wire wire_;
    Mask mask_;
    std::string heard_;
    std::string message_;
    std::string_view rest_;  ///< of `message_`
    std::map<std::uint64_t, std::string> pieces_;
};

/// A frame that asks for this key of "g".
inline std::string asking(std::uint64_t id, std::string_view key, std::uint32_t timeout_ms = 0,
                          http::stream::Kind kind = http::stream::Kind::fetch)
{
    std::string frame;
    append_request(frame, kind, {.id = id, .timeout_ms = timeout_ms, .galaxy = "g", .key = key});
    return frame;
}

inline std::string answering(const http::stream::Answer& answer)
{
    std::string frame;
    append_answer(frame, answer);
    return frame;
}

inline std::string piece_of(std::uint64_t id, std::uint64_t whole, std::string_view bytes)
{
    std::string frame;
    http::stream::append_piece(frame, {.id = id, .whole = whole, .bytes = bytes});
    return frame;
}

/// A frame of any kind, known or not.
inline std::string frame_of(unsigned kind, std::string_view body)
{
    std::string frame;
    for (std::size_t i = 0; i < 4; ++i) frame += static_cast<char>((1 + body.size()) >> (8 * i));
    frame += static_cast<char>(kind);
    return frame += body;
}

}  // namespace galaxy::test

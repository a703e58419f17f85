// SPDX-License-Identifier: BSL-1.0
#include "integration/dialect.hpp"
#include "http/stream/frame.hpp"

#include <boost/beast/websocket/detail/hybi13.hpp>

#include <cstddef>
#include <optional>

namespace galaxy::test {
namespace {

namespace detail = boost::beast::websocket::detail;
namespace stream = http::stream;

/// What stands in an upgrading request.
std::string header_of(std::string_view request, std::string_view name)
{
    const std::size_t begin = request.find(name) + name.size();
    return std::string(request.substr(begin, request.find("\r\n", begin) - begin));
}

std::string agree(std::string_view request)
{
    detail::sec_ws_accept_type accepted;
    detail::make_sec_ws_accept(accepted, header_of(request, "Sec-WebSocket-Key: "));
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Protocol: "
           + std::string(stream::subprotocol) + "\r\nX-Galaxy-Peer: b\r\nSec-WebSocket-Accept: "
           + std::string(accepted.data(), accepted.size()) + "\r\n\r\n";
}

enum class Opcode : unsigned char { binary = 2, close = 8, ping = 9, pong = 10 };

struct Message {
    Opcode opcode{};
    std::string payload;
};

/// Takes the next message off `bytes`, where it is whole; all come masked and in one piece.
std::optional<Message> take_message(std::string& bytes)
{
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.size() < 2) return std::nullopt;
    std::size_t size = at(1) & 0x7fU;
    const std::size_t width = size == 126 ? 2 : size == 127 ? 8 : 0;
    const std::size_t begin = 2 + width + 4;
    if (bytes.size() < begin) return std::nullopt;
    if (width > 0) size = 0;
    for (std::size_t i = 0; i < width; ++i) size = size << 8U | at(2 + i);
    if (bytes.size() < begin + size) return std::nullopt;
    Message message{Opcode(at(0) & 0x0fU), bytes.substr(begin, size)};
    for (std::size_t i = 0; i < size; ++i)
        message.payload[i] = static_cast<char>(message.payload[i] ^ bytes[begin - 4 + i % 4]);
    bytes.erase(0, begin + size);
    return message;
}

std::string message_of(Opcode opcode, std::string_view payload)
{
    std::string bytes(1, static_cast<char>(0x80U | static_cast<unsigned>(opcode)));
    const auto size = payload.size();
    if (size < 126) {
        bytes += static_cast<char>(size);
    } else {
        bytes += {126, static_cast<char>(size >> 8U), static_cast<char>(size)};
    }
    return bytes += payload;
}

std::string message_of(const stream::Answer& answer)
{
    std::string frames;
    append_answer(frames, answer);
    return message_of(Opcode::binary, frames);
}

class StreamDialect final : public Dialect {
public:
    std::vector<Question> hear(std::string_view bytes, std::string& reply) override
    {
        if (!agreed_ && heard_.empty() && !bytes.starts_with("GET /_galaxycache_stream/"))
            return plain_->hear(bytes, reply);
        heard_ += bytes;
        if (!agreed_) {
            const std::size_t end = heard_.find("\r\n\r\n");
            if (end == std::string::npos) return {};
            reply += agree(heard_);
            heard_.erase(0, end + 4);
            agreed_ = true;
        }
        std::vector<Question> questions;
        while (const std::optional<Message> message = take_message(heard_))
            take(*message, questions, reply);
        return questions;
    }

    std::string value(const Question& question, std::string_view bytes) const override
    {
        if (!agreed_) return plain_->value(question, bytes);
        return message_of(stream::Answer{.id = question.id, .value = bytes});
    }

    std::string strange(const Question& question, std::string_view bytes) const override
    {
        if (!agreed_) return plain_->strange(question, bytes);
        return message_of(stream::Answer{.id = question.id + 1'000'000, .value = bytes});
    }

    std::string nothing(const Question& question) const override
    {
        if (!agreed_) return plain_->nothing(question);
        return message_of(stream::Answer{.id = question.id, .status = stream::Status::not_found});
    }

private:
    static void take(const Message& message, std::vector<Question>& questions, std::string& reply)
    {
        if (message.opcode == Opcode::ping) reply += message_of(Opcode::pong, message.payload);
        if (message.opcode == Opcode::close) reply += message_of(Opcode::close, message.payload);
        if (message.opcode != Opcode::binary) return;
        std::string_view frames = message.payload;
        while (const std::optional<stream::Frame> frame = stream::take_frame(frames)) {
            if (frame->kind != stream::Kind::fetch && frame->kind != stream::Kind::peek) continue;
            const auto request = stream::read_request(frame->body).value();
            const Verb verb = frame->kind == stream::Kind::peek ? Verb::peek : Verb::fetch;
            questions.push_back({verb, std::string(request.key), request.id});
        }
    }

    const std::unique_ptr<Dialect> plain_ = plain_dialect();
    bool agreed_ = false;
    std::string heard_;
};

}  // namespace

std::unique_ptr<Dialect> stream_dialect()
{
    return std::make_unique<StreamDialect>();
}

}  // namespace galaxy::test

// SPDX-License-Identifier: BSL-1.0
#include "http/stream/frame.hpp"
#include "integration/dialect.hpp"

#include "integration/websocket.hpp"

#include <cstddef>
#include <optional>

namespace galaxy::test {
namespace {

namespace stream = http::stream;

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
            reply += agreement(heard_, "Sec-WebSocket-Protocol: galaxy.1\r\nX-Galaxy-Peer: b\r\n");
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

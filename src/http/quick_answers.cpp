// SPDX-License-Identifier: BSL-1.0
#include "http/quick_answers.hpp"

#include "http/reply.hpp"
#include "http/wire.hpp"

#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

namespace galaxy::http {

namespace {

/// Written in one go, and then others have their turn.
constexpr std::size_t longest_turn = std::size_t{64} << 10;

/// A longer value is cheaper to send from where it lies than to copy.
constexpr std::size_t most_copied = 4096;

void append_number(std::string& to, std::size_t number)
{
    std::array<char, 20> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    to.append(digits.data(), end);
}

/// The end of a head: what the server says of every answer.
void append_end(std::string& to, std::size_t size)
{
    to.append("Content-Length: ");
    append_number(to, size);
    to.append("\r\nDate: ").append(date_header()).append("\r\n\r\n");
}

bool is_escaped(std::string_view text) noexcept
{
    return text.find('%') != text.npos;
}

/// Turns an escaped text into what it stands for, kept in `bytes`. False where it stands for none.
bool unescape_into(std::string& bytes, std::string_view& text)
{
    if (!is_escaped(text)) return true;
    std::optional<std::string> plain = unescape(text);
    if (!plain) return false;
    bytes = std::move(*plain);
    text = bytes;
    return true;
}

}  // namespace

QuickAnswers::QuickAnswers(Responder responder, Paths paths, Secret secret, std::size_t longest)
    : responder_(std::move(responder)),
      paths_(std::move(paths)),
      secret_(std::move(secret)),
      longest_(longest)
{
    for (const bool draining : {false, true}) {
        Response response = value_reply({}, {}, {});
        sign(response, {responder_.self_id(), draining});
        heads_[draining ? 1 : 0] = head_text(response);
    }
}

std::size_t QuickAnswers::answer(std::string_view bytes, Outbox& out) const
{
    std::size_t answered = 0;
    while (answered != bytes.size() && out.size() < longest_turn) {
        const std::optional<QuickRequest> request = read_quick(bytes.substr(answered), paths_);
        if (!request || request->size > longest_ || !secret_.admits(request->authorization)) break;
        if (!answer_one(*request, out)) break;
        answered += request->size;
        if (out.has_value()) break;
    }
    return answered;
}

/// False where the answer has to be waited for, or where there is none to be had here.
bool QuickAnswers::answer_one(const QuickRequest& request, Outbox& out) const
{
    std::string galaxy;
    std::string key;
    PeerRequest wanted;
    wanted.verb = request.verb;
    wanted.galaxy = request.galaxy;
    wanted.key = request.key;
    wanted.universe = request.universe;
    wanted.peer = request.peer;
    wanted.digest = request.digest;
    if (!unescape_into(galaxy, wanted.galaxy) || !unescape_into(key, wanted.key)) return false;
    std::optional<PeerAnswer> answer = responder_.answer_now(wanted);
    if (!answer) return false;
    if (!answer->error) {
        write_value(request, std::move(answer->value), out);
        return true;
    }
    Response response = error_reply(answer->error);
    sign(response, {responder_.self_id(), responder_.draining()});
    const std::string_view body = response.body.view();
    out.text().append(head_text(response));
    append_end(out.text(), body.size());
    if (request.method == QuickRequest::Method::get) out.text().append(body);
    return true;
}

void QuickAnswers::write_value(const QuickRequest& request, Value value, Outbox& out) const
{
    const std::size_t size = value.size();
    const Expiry expiry = value.expiry();
    const bool draining = responder_.draining();
    if (expiry.never() && !expiry.wall) {
        out.text().append(heads_[draining ? 1 : 0]);
    } else {
        Response response = value_reply(value, responder_.now(), std::chrono::system_clock::now());
        sign(response, {responder_.self_id(), draining});
        out.text().append(head_text(response));
    }
    append_end(out.text(), size);
    if (request.method == QuickRequest::Method::head) return;
    if (size <= most_copied) {
        out.text().append(value.view());
    } else {
        out.set_value(std::move(value));
    }
}

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#include "http/stream/serving.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <utility>

namespace galaxy::http::stream {

namespace asio = boost::asio;

namespace {

/// Bytes that wait to be sent, beyond which values are to be asked for by HTTP: one message may ask
/// for a large one forty thousand times.
constexpr std::size_t most_unsent = std::size_t{8} << 20;

/// Requests that are served side by side.
constexpr std::size_t most_gathered = 16;

/// Has the beginning of a value fetched; what is longer, the machine foresees.
void prefetch(std::string_view value)
{
    constexpr std::size_t line = 64;
    constexpr std::size_t most = 4 * line;
    for (std::size_t at = 0; at < std::min(value.size(), most); at += line)
        __builtin_prefetch(value.data() + at);
}

}  // namespace

Serving::Serving(Responder responder, std::shared_ptr<Channel> channel, Limits limits,
                 std::function<void()> over)
    : responder_(std::move(responder)),
      channel_(std::move(channel)),
      limits_(limits),
      over_(std::move(over))
{
}

bool Serving::received(std::string_view message)
{
    begin_turn();
    if (message.empty()) return false;
    while (!message.empty()) {
        const std::optional<Frame> frame = take_frame(message);
        if (!frame || !take(*frame)) return false;
    }
    const bool good = serve();
    flush();
    return good;
}

/// What is the same for all answers of a turn, or nearly.
void Serving::begin_turn()
{
    draining_ = responder_.draining();
    queued_ = channel_->queued();
}

void Serving::flush()
{
    channel_->send(answers_);
    queued_ = channel_->queued();
}

/// False where the frame breaks the protocol.
bool Serving::take(const Frame& frame)
{
    if (frame.kind == Kind::fetch) return gather(Verb::fetch, frame);
    if (frame.kind == Kind::peek) return gather(Verb::peek, frame);
    if (!serve()) return false;  // first what came before
    if (frame.kind == Kind::cancel) return cancel(frame);
    if (frame.kind == Kind::ring) {
        const std::optional<std::string_view> digest = read_ring(frame.body);
        if (digest) digest_ = *digest;
        return digest.has_value();
    }
    // A verb that a later release knows.
    const std::optional<std::uint64_t> id = read_id(frame.body);
    if (!id || frame.kind == Kind{} || frame.kind >= Kind::answer || waiting_.contains(*id))
        return false;
    answer(*id, {errc::unsupported});
    return true;
}

bool Serving::gather(Verb verb, const Frame& frame)
{
    const std::optional<Request> request = read_request(frame.body);
    if (!request) return false;
    ids_.push_back(request->id);
    requests_.push_back({.verb = verb,
                         .galaxy = request->galaxy,
                         .key = request->key,
                         .timeout = std::chrono::milliseconds(request->timeout_ms),
                         .digest = digest_});
    return requests_.size() < most_gathered || serve();
}

bool Serving::serve()
{
    std::array<std::optional<PeerAnswer>, most_gathered> answers;
    responder_.answer_now(requests_, std::span(answers).first(requests_.size()));
    for (std::size_t i = 0; i != requests_.size(); ++i) {
        if (answers[i]) prefetch(answers[i]->value.view());
    }
    bool good = true;
    for (std::size_t i = 0; good && i != requests_.size(); ++i)
        good = answer_or_wait(ids_[i], requests_[i], answers[i]);
    ids_.clear();
    requests_.clear();
    return good;
}

bool Serving::answer_or_wait(std::uint64_t id, const PeerRequest& request,
                             const std::optional<PeerAnswer>& now)
{
    if (waiting_.contains(id)) return false;
    if (now) {
        answer(id, *now);
    } else if (waiting_.size() >= limits_.requests || finishing_) {
        answer(id, {errc::busy});
    } else {
        wait(request, id);
    }
    return true;
}

void Serving::wait(const PeerRequest& wanted, std::uint64_t id)
{
    asio::cancellation_signal& left = waiting_[id];
    auto handler = [self = shared_from_this(), id](boost::system::error_code error, Value value) {
        self->arrived(id, {error, std::move(value)});
    };
    responder_.async_answer(
        wanted, asio::bind_executor(channel_->executor(),
                                    asio::bind_cancellation_slot(left.slot(), std::move(handler))));
}

bool Serving::cancel(const Frame& frame)
{
    const std::optional<std::uint64_t> id = read_id(frame.body);
    if (!id || frame.body.size() != sizeof *id) return false;
    // One that was answered meanwhile is not there any more.
    const auto waiting = waiting_.find(*id);
    if (waiting != waiting_.end()) waiting->second.emit(asio::cancellation_type::terminal);
    return true;
}

void Serving::arrived(std::uint64_t id, const PeerAnswer& found)
{
    waiting_.erase(id);
    begin_turn();
    answer(id, found);
    flush();
    close_if_finished();
}

void Serving::answer(std::uint64_t id, const PeerAnswer& found)
{
    Answer said;
    said.id = id;
    said.status = status_of(found.error);
    said.draining = draining_;
    const std::size_t unsent = queued_ + answers_.size();
    if (!found.error && (found.value.size() > limits_.value || unsent > most_unsent)) {
        said.status = Status::ask_by_http;
    } else if (!found.error) {
        const Expiry expiry = found.value.expiry();
        said.value = found.value.view();
        if (!expiry.never()) {
            const Duration left = std::max(expiry.at - responder_.now(), Duration::zero());
            said.lifetime_ns = static_cast<std::uint64_t>(left.count());
        }
        if (expiry.wall) said.expires_ns = expiry.wall->time_since_epoch().count();
    }
    append_answer(answers_, said);
    // After each, so that no message has more than one value beyond its size.
    if (answers_.size() >= Channel::message_size) flush();
}

void Serving::finish()
{
    finishing_ = true;
    close_if_finished();
}

void Serving::close_if_finished()
{
    if (finishing_ && waiting_.empty()) channel_->close();
}

void Serving::ended(boost::system::error_code)
{
    // Whoever waits for this peer has left.
    for (auto& [id, left] : waiting_) left.emit(asio::cancellation_type::terminal);
    if (const auto over = std::exchange(over_, nullptr)) over();
}

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#include "http/stream/serving.hpp"

#include "moments.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <optional>
#include <span>
#include <utility>

namespace galaxy::http::stream {

namespace asio = boost::asio;

namespace {

/// Bytes that wait to be sent, beyond which values in memory are to be asked for by HTTP: one
/// message may ask for a large one forty thousand times. Or a sixteenth of what all connections may
/// make the server hold, as many may do so before the first of them has to go.
constexpr std::size_t longest_unsent = std::size_t{8} << 20;

/// A value longer than this comes in pieces.
constexpr std::size_t piece_size = Channel::message_size;

/// Requests that are served side by side.
constexpr std::size_t most_gathered = 16;

/// Values that are still to be sent: beyond it, or a quarter of what all connections may make the
/// server hold, nothing more is loaded for the asker.
constexpr std::size_t longest_line = std::size_t{64} << 20;

/// What a request that waits for its load takes of memory, here and in its galaxy, beside its key.
constexpr std::size_t size_of_waiting = 1024;

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
                 std::shared_ptr<Holdings::Holder> holder, std::function<void()> over)
    : responder_(std::move(responder)),
      channel_(std::move(channel)),
      limits_(std::move(limits)),
      over_(std::move(over)),
      holder_(std::move(holder)),
      most_unsent_(std::min(longest_unsent, holder_->all().limit() / 16))
{
    held_.charge(holder_);
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
    count_held();
    stand(false);
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
                         .timeout = std::min<Duration>(
                             std::chrono::milliseconds(request->timeout_ms), limits_.max_wait),
                         .digest = digest_,
                         .asker = limits_.asker});
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
        answer_from_memory(id, *now);
    } else if (waiting_.size() >= limits_.requests || finishing_) {
        answer(id, {errc::busy});
    } else if (in_line_ > std::min(longest_line, holder_->all().limit() / 4)) {
        append_answer(answers_, {.id = id, .status = Status::ask_by_http, .draining = draining_});
    } else {
        wait(request, id);
    }
    return true;
}

void Serving::wait(const PeerRequest& wanted, std::uint64_t id)
{
    Waiting& one = waiting_[id];
    one.size = size_of_waiting + wanted.key.size();
    waiting_size_ += one.size;
    try {
        ask(wanted, id, one.left.slot());
    } catch (const std::bad_alloc&) {
        forget(id);
        answer(id, {errc::refused});
    }
}

void Serving::forget(std::uint64_t id)
{
    const auto one = waiting_.find(id);
    waiting_size_ -= one->second.size;
    waiting_.erase(one);
}

/// After every turn. Values in line are counted as they come.
void Serving::count_held() noexcept
{
    held_.set(waiting_size_ + answers_.capacity() + piece_.capacity());
    channel_->count_held();
}

/// What waits for its load, or to be taken, stands as it did, unless something was `answered`.
void Serving::stand(bool answered) noexcept
{
    Standing* const standing = limits_.standing.get();
    if (!standing || ended_) return;
    const bool idle = waiting_.empty() && !channel_->is_sending();
    const bool was_held_up = standing->kind() == Standing::Kind::held_up;
    if (idle) {
        standing->become(Standing::Kind::idle);
    } else if (answered || !was_held_up) {
        standing->become(Standing::Kind::held_up);
    }
}

void Serving::taken(std::size_t bytes)
{
    stand(false);
    Standing* const standing = limits_.standing.get();
    if (!standing || ended_ || standing->kind() != Standing::Kind::held_up) return;
    standing->taken(bytes, Standing::Clock::now());
}

void Serving::ask(const PeerRequest& wanted, std::uint64_t id, asio::cancellation_slot left)
{
    auto handler = [self = shared_from_this(), id](boost::system::error_code error, Value value) {
        try {
            self->arrived(id, {error, std::move(value)});
        } catch (const std::bad_alloc&) {
            self->channel_->fail_for_memory();
        }
    };
    responder_.async_answer(
        wanted, asio::bind_executor(channel_->executor(),
                                    asio::bind_cancellation_slot(left, std::move(handler))));
}

bool Serving::cancel(const Frame& frame)
{
    const std::optional<std::uint64_t> id = read_id(frame.body);
    if (!id || frame.body.size() != sizeof *id) return false;
    // One that was answered meanwhile is not there any more.
    const auto waiting = waiting_.find(*id);
    if (waiting == waiting_.end()) return true;
    Waiting& one = waiting->second;
    if (!one.value) {
        one.left.emit(asio::cancellation_type::terminal);
    } else {
        in_line_ -= one.value->size() - one.sent;
        forget(*id);
        answer(*id, {asio::error::operation_aborted});
    }
    return true;
}

void Serving::arrived(std::uint64_t id, PeerAnswer found)
{
    if (ended_) return;
    begin_turn();
    const bool large = !found.error && found.value.size() > limits_.value;
    const bool later = !found.error && (large || queued_ > most_unsent_);
    if (later && (limits_.pieces || !large)) {
        line_.push_back(id);
        Waiting& one = waiting_.at(id);
        one.value = std::move(found.value);
        in_line_ += one.value->size();
        one.unsent.emplace(holder_, *one.value);
        return feed();
    }
    forget(id);
    answer_from_memory(id, found);
    flush();
    count_held();
    stand(true);
    close_if_finished();
}

/// As much of what is in line as keeps the writer busy.
void Serving::feed()
{
    while (!line_.empty() && channel_->queued() < Channel::message_size) {
        const std::uint64_t id = line_.front();
        line_.pop_front();
        const auto found = waiting_.find(id);
        if (found == waiting_.end() || !found->second.value) continue;  // cancelled
        if (send_some(id, found->second)) {
            forget(id);
        } else {
            line_.push_back(id);
        }
    }
    count_held();
    stand(true);
    close_if_finished();
}

/// Whether that was the last of it, with the answer.
bool Serving::send_some(std::uint64_t id, Waiting& waiting)
{
    const std::string_view whole = waiting.value->view();
    const std::string_view rest = whole.substr(waiting.sent);
    const bool last = rest.size() <= piece_size || !limits_.pieces;
    const std::size_t size = last ? rest.size() : piece_size;
    if (last) {
        draining_ = responder_.draining();
        append_value(piece_, id, *waiting.value, waiting.sent);
    } else {
        append_piece(piece_, {.id = id, .whole = whole.size(), .bytes = rest.substr(0, size)});
    }
    channel_->send(piece_, Channel::Company::none);
    waiting.sent += size;
    in_line_ -= size;
    return last;
}

/// Nothing was done for it that would have to be done again.
void Serving::answer_from_memory(std::uint64_t id, const PeerAnswer& found)
{
    const std::size_t unsent = queued_ + answers_.size();
    if (!found.error && (found.value.size() > limits_.value || unsent > most_unsent_)) {
        append_answer(answers_, {.id = id, .status = Status::ask_by_http, .draining = draining_});
    } else {
        answer(id, found);
    }
}

void Serving::answer(std::uint64_t id, const PeerAnswer& found)
{
    if (found.error) {
        append_answer(answers_,
                      {.id = id, .status = status_of(found.error), .draining = draining_});
    } else {
        append_value(answers_, id, found.value, 0);
    }
    // After each, so that no message has more than one value beyond its size.
    if (answers_.size() >= Channel::message_size) flush();
}

/// Its answer, with what of it comes after `from`.
void Serving::append_value(std::string& to, std::uint64_t id, const Value& value, std::size_t from)
{
    const Expiry expiry = value.expiry();
    Answer said{.id = id, .draining = draining_, .value = value.view().substr(from)};
    if (!expiry.never()) {
        const Duration left = left_until(expiry.at, responder_.now());
        said.lifetime_ns = static_cast<std::uint64_t>(left.count());
    }
    if (expiry.wall) said.expires_ns = expiry.wall->time_since_epoch().count();
    append_answer(to, said);
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
    ended_ = true;
    line_.clear();
    in_line_ = 0;
    held_.set(0);
    // Whoever waits for this peer has left.
    for (auto& [id, one] : waiting_) {
        one.unsent.reset();
        if (std::exchange(one.value, std::nullopt)) continue;
        try {
            one.left.emit(asio::cancellation_type::terminal);
        } catch (const std::bad_alloc&) {
            // It stays to the end of its get.
        }
    }
    if (const auto over = std::exchange(over_, nullptr)) over();
}

}  // namespace galaxy::http::stream

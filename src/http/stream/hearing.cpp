// SPDX-License-Identifier: BSL-1.0
#include "http/stream/hearing.hpp"

#include "http/stream/gathered.hpp"
#include "http/stream/outcome.hpp"

#include <galaxy/error.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace galaxy::http::stream {

namespace {

bool is_too_large(std::uint64_t size, const FetchRequest& request)
{
    return request.max_value != 0 && size > request.max_value;
}

/// `message` is what the answer views, but for a value that was gathered.
FetchResult result_of(const Answer& answer, const FetchRequest& request, const Gathered* gathered,
                      const std::shared_ptr<const void>& message)
{
    FetchResult result;
    result.error = error_of(answer.status);
    result.draining = answer.draining;
    if (result.error) {
        if (result.error == errc::protocol_error) result.detail = "an answer of an unknown kind";
        return result;
    }
    if (is_too_large(answer.value.size(), request)) {
        result.error = errc::value_too_large;
        return result;
    }
    result.value = gathered ? gathered->value() : FetchedBytes(answer.value, message);
    if (answer.lifetime_ns) {
        constexpr auto most = static_cast<std::uint64_t>(Duration::max().count());
        result.lifetime = Duration(static_cast<std::int64_t>(std::min(*answer.lifetime_ns, most)));
    }
    if (answer.expires_ns) result.expires = WallTime(Duration(*answer.expires_ns));
    return result;
}

/// Breaks the protocol.
Answer unknown(std::uint64_t id)
{
    return {.id = id, .status = Status::ask_by_http};
}

/// Makes room for a value; or says what is to be said instead.
std::optional<Status> prepare(Job& job, std::uint64_t size)
{
    if (is_too_large(size, job.request)) return Status::value_too_large;
    try {
        job.gathered = std::make_unique<Gathered>(size);
    } catch (const std::bad_alloc&) {
        return Status::busy;
    }
    return std::nullopt;
}

/// What of the message is pieces, at its front. What is cut is left to be found out.
std::string_view leading_pieces(std::string_view message)
{
    std::string_view rest = message;
    for (;;) {
        const std::size_t left = rest.size();
        const std::optional<Frame> frame = take_frame(rest);
        if (!frame || frame->kind != Kind::piece) return message.substr(0, message.size() - left);
    }
}

std::shared_ptr<const char[]> copy_of(std::string_view bytes)
{
    std::shared_ptr<char[]> copy = std::make_shared_for_overwrite<char[]>(bytes.size());
    std::ranges::copy(bytes, copy.get());
    return copy;
}

}  // namespace

Hearing::Hearing(std::string_view message)
    : pieces_(leading_pieces(message)), rest_(message.substr(pieces_.size())), kept_(copy_of(rest_))
{
    rest_ = {kept_.get(), rest_.size()};
}

bool Hearing::hear(Ledger& ledger, const GiveUp& give_up)
{
    return hear(pieces_, ledger, give_up) && hear(rest_, ledger, give_up);
}

bool Hearing::hear(std::string_view frames, Ledger& ledger, const GiveUp& give_up)
{
    bool good = true;
    while (good && !frames.empty()) {
        const std::optional<Frame> frame = take_frame(frames);
        if (!frame) return false;
        if (frame->kind == Kind::answer) {
            good = hear_answer(frame->body, ledger);
        } else {
            good = frame->kind == Kind::piece && hear_piece(frame->body, ledger, give_up);
        }
    }
    return good;
}

bool Hearing::hear_answer(std::string_view body, Ledger& ledger)
{
    const std::optional<Answer> answer = read_answer(body);
    std::optional<Job> job = answer ? ledger.take_answered(answer->id) : std::nullopt;
    // Each request is answered once; whatever else comes is not for us to guess.
    if (!job) return false;
    if (!job->handler) return true;
    if (answer->status == Status::ask_by_http) {
        one_more(by_plain_, *job) = std::move(*job);
        return true;
    }
    Gathered* const gathered = job->gathered.get();
    const bool good = !gathered || answer->status != Status::value
                      || (gathered->add(answer->value) && gathered->complete());
    end(std::move(*job), good ? *answer : unknown(answer->id));
    return good;
}

bool Hearing::hear_piece(std::string_view body, Ledger& ledger, const GiveUp& give_up)
{
    const std::optional<Piece> piece = read_piece(body);
    Job* const job = piece ? ledger.find(piece->id) : nullptr;
    if (!job || !job->sent) return false;
    if (!job->handler) return true;
    job->handler->alive();
    if (!job->gathered) {
        const std::optional<Status> refusal = prepare(*job, piece->whole);
        if (refusal) {
            end({.request = job->request, .handler = std::move(job->handler)},
                {.id = piece->id, .status = *refusal});
            give_up(piece->id);
            return true;
        }
    }
    return piece->whole == job->gathered->whole() && job->gathered->add(piece->bytes);
}

void Hearing::end(Job&& job, const Answer& answer)
{
    Ended& one = one_more(ended_, job);
    one.job = std::move(job);
    one.answer = answer;
}

/// Room for `job`, which stays in hand where there is none.
template <class List>
typename List::value_type& Hearing::one_more(List& list, Job& job)
{
    try {
        return list.emplace_back();
    } catch (const std::bad_alloc&) {
        in_hand_ = std::move(job);
        throw;
    }
}

void Hearing::tell() const
{
    for (const auto& [job, answer] : ended_) {
        stream::end(*job.handler,
                    [&] { return result_of(answer, job.request, job.gathered.get(), kept_); });
    }
    if (in_hand_) stream::end(*in_hand_->handler, [] { return starved(); });
}

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#include "flight/fair_queue.hpp"

namespace galaxy {

FairQueue::Line& FairQueue::line_of(const Asker& asker)
{
    const auto [at_host, new_host] = hosts_.try_emplace(asker.host);
    Host& host = at_host->second;
    if (new_host) {
        host.id = asker.host;
        turns_.push_back(host);
    }
    try {
        const auto [at_line, new_line] = host.lines.try_emplace(asker.connection);
        Line& line = at_line->second;
        if (new_line) {
            line.host = &host;
            line.connection = asker.connection;
            host.turns.push_back(line);
        }
        return line;
    } catch (...) {
        drop_if_empty(host);
        throw;
    }
}

void FairQueue::push(Queued& one, const Asker& asker)
{
    append(line_of(asker), one);
}

void FairQueue::share(Queued& one, const Asker& asker)
{
    auto* const now = static_cast<Line*>(one.line_);
    if (!now || (&now->host->turns.front() == now && &now->waiting.front() == &one)) return;
    Line& other = line_of(asker);
    if (turns_before(other, other.next_ticket) >= turns_before(*now, one.ticket_))
        return drop_if_empty(other);
    leave(*now, one);
    append(other, one);
}

void FairQueue::append(Line& line, Queued& one) noexcept
{
    line.waiting.push_back(one);
    one.line_ = &line;
    one.ticket_ = line.next_ticket++;
}

/// How many turns of its host pass before the one of `ticket`: its own line's, and for each of them
/// one of every other line. At most, as some may have left meanwhile.
std::uint64_t FairQueue::turns_before(const Line& line, std::uint64_t ticket) noexcept
{
    return (ticket - line.served) * line.host->lines.size();
}

Queued* FairQueue::pop() noexcept
{
    if (turns_.empty()) return nullptr;
    Host& host = turns_.front();
    Line& line = host.turns.front();
    Queued& next = line.waiting.front();
    line.served = next.ticket_;
    turns_.splice(turns_.end(), turns_, turns_.begin());
    host.turns.splice(host.turns.end(), host.turns, host.turns.begin());
    leave(line, next);
    return &next;
}

void FairQueue::remove(Queued& one) noexcept
{
    if (one.line_) leave(*static_cast<Line*>(one.line_), one);
}

void FairQueue::clear() noexcept
{
    while (pop()) continue;
}

void FairQueue::leave(Line& line, Queued& one) noexcept
{
    line.waiting.erase(line.waiting.iterator_to(one));
    one.line_ = nullptr;
    if (!line.waiting.empty()) line.served = line.waiting.front().ticket_ - 1;
    drop_if_empty(line);
}

void FairQueue::drop_if_empty(Line& line) noexcept
{
    if (!line.waiting.empty()) return;
    Host& host = *line.host;
    host.turns.erase(host.turns.iterator_to(line));
    host.lines.erase(line.connection);
    drop_if_empty(host);
}

void FairQueue::drop_if_empty(Host& host) noexcept
{
    if (!host.lines.empty()) return;
    turns_.erase(turns_.iterator_to(host));
    hosts_.erase(host.id);
}

}  // namespace galaxy

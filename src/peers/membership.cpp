// SPDX-License-Identifier: BSL-1.0
#include "peers/membership.hpp"

#include "moments.hpp"
#include "names.hpp"
#include "peers/digest.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace galaxy {

namespace {

/// Rings remembered for peeks; a membership that changes faster than that is warm nowhere.
constexpr std::size_t most_past = 8;

std::vector<std::string> ids_of(const std::vector<Ring::Member>& members)
{
    std::vector<std::string> ids;
    ids.reserve(members.size());
    for (const auto& member : members) ids.push_back(member.id);
    return ids;
}

void check(std::vector<Peer>& peers)
{
    for (const Peer& peer : peers) {
        if (!is_name(peer.id)) {
            throw std::invalid_argument("peer id \"" + printable(peer.id) + "\" "
                                        + std::string(name_rule));
        }
    }
    std::sort(peers.begin(), peers.end(), [](const Peer& a, const Peer& b) { return a.id < b.id; });
    const auto same = [](const Peer& a, const Peer& b) { return a.id == b.id; };
    const auto twice = std::adjacent_find(peers.begin(), peers.end(), same);
    if (twice != peers.end()) {
        throw std::invalid_argument("peer id \"" + twice->id
                                    + "\" is given twice; ids must be unique");
    }
}

}  // namespace

// Ring

Ring::Ring(std::vector<Member> members, std::string_view self, const PickerFactory& picker)
    : members_(std::move(members))
{
    std::vector<std::string> ids = ids_of(members_);
    digest_ = ring_digest(picker.description, ids);
    picker_ = picker.make(ids);
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (members_[i].id != self) others_.push_back(i);
    }
    has_self_ = others_.size() < members_.size();
    if (!has_self_ || others_.empty()) return;
    std::erase(ids, self);
    picker_without_self_ = picker.make(std::move(ids));
}

Ring::Owners Ring::owners(std::string_view key, std::size_t n) const
{
    boost::container::small_vector<std::size_t, 2> ranks(std::min(n, members_.size()));
    ranks.resize(picker_->owners(key, ranks));
    Owners result;
    result.reserve(ranks.size());
    for (const std::size_t index : ranks) result.push_back(&members_[index]);
    return result;
}

const Ring::Member* Ring::owner(std::string_view key) const
{
    std::array<std::size_t, 1> rank{};
    return picker_->owners(key, rank) == 0 ? nullptr : &members_[rank[0]];
}

const Ring::Member* Ring::owner_without_self(std::string_view key) const
{
    if (!has_self_) return owner(key);
    std::array<std::size_t, 1> rank{};
    if (!picker_without_self_ || picker_without_self_->owners(key, rank) == 0) return nullptr;
    return &members_[others_[rank[0]]];
}

bool Ring::self_first_living(std::string_view key) const
{
    if (alone()) return true;
    // The first two in rank nearly always settle it; more are ranked as more turn out to be out.
    for (std::size_t n = 2, asked = 0;; n *= 8) {
        const Owners ranked = owners(key, n);
        for (; asked < ranked.size(); ++asked) {
            if (!ranked[asked]->link) return true;
            if (ranked[asked]->link->admits()) return false;
        }
        if (n >= members_.size()) break;
    }
    return !has_self_ && members_.empty();
}

// Membership

Membership::Membership(std::string self, Role role, PickerFactory picker, Duration warm_window,
                       MakeLink make_link)
    : self_(std::move(self)),
      picker_(std::move(picker)),
      warm_window_(warm_window),
      make_link_(std::move(make_link)),
      role_(role),
      ring_(std::make_shared<Ring>(std::vector<Ring::Member>{{self_, nullptr}}, self_, picker_))
{
}

bool Membership::set(std::vector<Peer> peers, TimePoint now)
{
    const std::lock_guard change(change_mutex_);
    return replace(std::move(peers), role_, now);
}

bool Membership::add(Peer peer, TimePoint now)
{
    const std::lock_guard change(change_mutex_);
    std::vector<Peer> peers = peers_;
    std::erase_if(peers, [&](const Peer& known) { return known.id == peer.id; });
    peers.push_back(std::move(peer));
    return replace(std::move(peers), role_, now);
}

bool Membership::remove(const std::vector<std::string>& ids, TimePoint now)
{
    const std::lock_guard change(change_mutex_);
    std::vector<Peer> peers = peers_;
    std::erase_if(peers, [&](const Peer& known) {
        return std::find(ids.begin(), ids.end(), known.id) != ids.end();
    });
    return replace(std::move(peers), role_, now);
}

bool Membership::set_role(Role role, TimePoint now)
{
    const std::lock_guard change(change_mutex_);
    if (!known()) {
        const std::lock_guard lock(mutex_);
        role_ = role;
        return false;
    }
    return replace(peers_, role, now);
}

bool Membership::replace(std::vector<Peer> peers, Role role, TimePoint now)
{
    check(peers);
    if (closed_ || (known_ && peers == peers_ && role == role_)) return false;
    Links links = links_for(peers);
    std::shared_ptr<const Ring> ring = ring_of(peers, role, links);
    std::deque<Past> past = past_;
    std::erase_if(past, [&](const Past& one) { return now - one.until > warm_window_; });
    if (known_) past.push_front({ring_, now});
    if (past.size() > most_past) past.pop_back();
    {
        // Nothing ends under the mutex: links have fetchers, and rings pickers, of other people's.
        const std::lock_guard lock(mutex_);
        past_.swap(past);
        warm_until_ = after(now, warm_window_);
        known_ = true;
        peers_ = std::move(peers);
        role_ = role;
        ring_.swap(ring);
        links_.swap(links);
    }
    for (const auto& [id, old] : links) {
        const auto kept = links_.find(id);
        if (kept == links_.end() || kept->second != old) old->retire();
    }
    return true;
}

Membership::Links Membership::links_for(const std::vector<Peer>& peers) const
{
    Links links;
    for (const Peer& peer : peers) {
        if (peer.id == self_) continue;
        const auto known = links_.find(peer.id);
        const bool same = known != links_.end() && known->second->peer() == peer;
        links.emplace(peer.id, same ? known->second : make_link_(peer));
    }
    return links;
}

std::shared_ptr<const Ring> Membership::ring_of(const std::vector<Peer>& peers, Role role,
                                                const Links& links) const
{
    std::vector<Ring::Member> members;
    for (const Peer& peer : peers) {
        if (peer.id != self_) {
            members.push_back({peer.id, links.at(peer.id)});
        } else if (role == Role::member) {
            members.push_back({peer.id, nullptr});
        }
    }
    return std::make_shared<Ring>(std::move(members), self_, picker_);
}

std::shared_ptr<const Ring> Membership::ring() const
{
    const std::lock_guard lock(mutex_);
    return ring_;
}

bool Membership::known() const
{
    const std::lock_guard lock(mutex_);
    return known_;
}

std::vector<Peer> Membership::peers() const
{
    const std::lock_guard lock(mutex_);
    return peers_;
}

std::shared_ptr<Link> Membership::previous_owner(const Ring& now_ring, std::string_view key,
                                                 TimePoint now) const
{
    if (now >= warm_until_.load(std::memory_order_relaxed)) return nullptr;
    std::vector<Past> past;
    {
        const std::lock_guard lock(mutex_);
        past.assign(past_.begin(), past_.end());
    }
    bool history = false;
    for (const auto& [ring, until] : past) {
        if (now - until > warm_window_) break;
        history = true;
        const Ring::Member* owner = ring->owner(key);
        if (owner && owner->link) return owner->link;
    }
    if (history) return nullptr;
    const Ring::Member* owner = now_ring.owner_without_self(key);
    return owner ? owner->link : nullptr;
}

std::vector<std::shared_ptr<Link>> Membership::links() const
{
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Link>> links;
    links.reserve(links_.size());
    for (const auto& [id, link] : links_) links.push_back(link);
    return links;
}

void Membership::close()
{
    const std::lock_guard change(change_mutex_);
    closed_ = true;
    for (const auto& [id, link] : links_) link->close();  // nobody changes them meanwhile
    while (const std::shared_ptr<const Ring> ring = take_oldest()) {
        for (const auto& member : ring->members()) {
            if (member.link) member.link->close();
        }
    }
}

/// Of the past; null where there is none.
std::shared_ptr<const Ring> Membership::take_oldest()
{
    const std::lock_guard lock(mutex_);
    if (past_.empty()) return nullptr;
    std::shared_ptr<const Ring> oldest = std::move(past_.back().ring);
    past_.pop_back();
    return oldest;
}

}  // namespace galaxy

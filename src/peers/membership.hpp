// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "peers/link.hpp"

#include <galaxy/peer.hpp>
#include <galaxy/picker.hpp>

#include <boost/container/small_vector.hpp>

#include <atomic>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy {

/// Who is in the ring, and how to reach them: immutable, so that a get under way finishes with the
/// membership it began with.
class Ring {
public:
    struct Member {
        std::string id;
        std::shared_ptr<Link> link;  ///< null: this process
    };

    Ring(std::vector<Member> members, std::string_view self, const PickerFactory& picker);

    /// Two are what nearly everybody asks for.
    using Owners = boost::container::small_vector<const Member*, 2>;

    /// The first `n` members in rank; fewer where there are fewer.
    Owners owners(std::string_view key, std::size_t n) const;

    /// The owner, or null in an empty ring.
    const Member* owner(std::string_view key) const;

    /// Who would own the key if this process were not in the ring; null where nobody.
    const Member* owner_without_self(std::string_view key) const;

    /// Whether this process is the first in rank that gets may go to.
    bool self_first_living(std::string_view key) const;

    bool self_owns(std::string_view key) const
    {
        const Member* first = owner(key);
        return first && !first->link;
    }

    bool has_self() const noexcept { return has_self_; }

    /// Whether this process is in the ring and nobody else is: then every key is its own.
    bool alone() const noexcept { return has_self_ && others_.empty(); }

    const std::string& digest() const noexcept { return digest_; }
    const std::vector<Member>& members() const noexcept { return members_; }

private:
    std::vector<Member> members_;
    bool has_self_ = false;
    std::shared_ptr<const PeerPicker> picker_;
    std::shared_ptr<const PeerPicker> picker_without_self_;  ///< null where that changes nothing
    std::vector<std::size_t> others_;  ///< indices of members that are not this process
    std::string digest_;
};

/// The membership as set, the links to its peers, and the rings of the last while. Thread-safe.
class Membership {
public:
    using MakeLink = std::function<std::shared_ptr<Link>(const Peer&)>;

    Membership(std::string self, Role role, PickerFactory picker, Duration warm_window,
               MakeLink make_link);

    /// Each builds the whole new ring before anything changes; throws as `Universe::set_peers`
    /// does. Returns whether anything changed.
    bool set(std::vector<Peer> peers, TimePoint now);
    bool add(Peer peer, TimePoint now);
    bool remove(const std::vector<std::string>& ids, TimePoint now);
    bool set_role(Role role, TimePoint now);

    /// The ring of this moment; never null. Before the first membership it holds this process
    /// alone.
    std::shared_ptr<const Ring> ring() const;

    /// Whether a membership was ever set.
    bool known() const;

    std::vector<Peer> peers() const;

    /// Whom to ask for what it may still have in memory of a key that is ours now: the owner in the
    /// newest ring of the warm window in which that was not us, or, where there was none before,
    /// the owner if we were not there. Null outside the window, or where nobody fits.
    std::shared_ptr<Link> previous_owner(const Ring& now_ring, std::string_view key,
                                         TimePoint now) const;

    std::vector<std::shared_ptr<Link>> links() const;

    /// Closes every link; later changes are ignored.
    void close();

private:
    struct Past {
        std::shared_ptr<const Ring> ring;
        TimePoint until;
    };
    using Links = std::map<std::string, std::shared_ptr<Link>, std::less<>>;

    std::shared_ptr<const Ring> take_oldest();
    bool replace(std::vector<Peer> peers, Role role, TimePoint now);
    Links links_for(const std::vector<Peer>& peers) const;
    std::shared_ptr<const Ring> ring_of(const std::vector<Peer>& peers, Role role,
                                        const Links& links) const;

    const std::string self_;
    const PickerFactory picker_;
    const Duration warm_window_;
    const MakeLink make_link_;

    /// Held for a whole change: what makes, closes or destroys links and pickers must not come
    /// back.
    std::mutex change_mutex_;
    mutable std::mutex mutex_;  ///< held for a read or the swap
    std::vector<Peer> peers_;
    Role role_;
    Links links_;
    std::shared_ptr<const Ring> ring_;
    std::deque<Past> past_;  ///< the newest in front
    std::atomic<TimePoint> warm_until_ = TimePoint::min();
    bool known_ = false, closed_ = false;
};

}  // namespace galaxy

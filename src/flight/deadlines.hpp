// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <algorithm>
#include <iterator>

namespace galaxy {

using DeadlineLink =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>,
                                     boost::intrusive::tag<class DeadlineLinkTag>>;
using DeadlineNode =
    boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>,
                                    boost::intrusive::optimize_size<true>>;

/// Something that happens at a moment unless it is withdrawn. The strand's.
class Deadline : public DeadlineLink, public DeadlineNode {
public:
    TimePoint at() const noexcept { return at_; }

    /// The moment has come; the deadline is no longer pending.
    virtual void due() = 0;

    bool pending() const noexcept { return DeadlineLink::is_linked() || DeadlineNode::is_linked(); }

    void withdraw() noexcept
    {
        if (DeadlineLink::is_linked()) {
            DeadlineLink::unlink();
        } else if (DeadlineNode::is_linked()) {
            DeadlineNode::unlink();
        }
    }

protected:
    ~Deadline() = default;

private:
    friend class Deadlines;

    TimePoint at_;
};

/// Every deadline of a galaxy in order, so that one alarm serves them all.
///
/// Most gets have the same timeout, and so most deadlines are the latest when they come, or nearly:
/// a list in order takes them at its end, after a few steps at most. Those that would have to walk
/// further (shorter timeouts) are in a tree.
class Deadlines {
public:
    void add(Deadline& deadline, TimePoint at)
    {
        deadline.withdraw();
        deadline.at_ = at;
        auto place = latest_.end();
        for (int steps = 0; place != latest_.begin(); ++steps) {
            auto before = std::prev(place);
            if (before->at() <= at) break;
            if (steps == longest_walk) {
                early_.insert(early_.end(), deadline);
                return;
            }
            place = before;
        }
        latest_.insert(place, deadline);
    }

    /// The moment of the earliest; `TimePoint::max()` where there is none.
    TimePoint next() const noexcept
    {
        const TimePoint in_list = latest_.empty() ? TimePoint::max() : latest_.front().at();
        return early_.empty() ? in_list : std::min(in_list, early_.begin()->at());
    }

    /// Takes out the earliest that is due, or null.
    Deadline* take_due(TimePoint now) noexcept
    {
        const TimePoint earliest = next();
        if (earliest > now || earliest == TimePoint::max()) return nullptr;
        Deadline& first = !latest_.empty() && latest_.front().at() == earliest ? latest_.front()
                                                                               : *early_.begin();
        first.withdraw();
        return &first;
    }

private:
    static constexpr int longest_walk = 4;

    struct Earlier {
        bool operator()(const Deadline& a, const Deadline& b) const noexcept
        {
            return a.at() < b.at();
        }
    };

    boost::intrusive::list<Deadline, boost::intrusive::base_hook<DeadlineLink>,
                           boost::intrusive::constant_time_size<false>>
        latest_;
    boost::intrusive::multiset<Deadline, boost::intrusive::base_hook<DeadlineNode>,
                               boost::intrusive::compare<Earlier>,
                               boost::intrusive::constant_time_size<false>>
        early_;
};

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <algorithm>
#include <array>
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
/// a list in order takes them at its end, after a few steps at most. What would have to walk
/// further is tried on a second list, for the legs of these gets have a patience in common too, and
/// is put into a tree where it is neither.
class Deadlines {
public:
    void add(Deadline& deadline, TimePoint at)
    {
        deadline.withdraw();
        deadline.at_ = at;
        for (List& list : lists_) {
            if (append(list, deadline)) return;
        }
        others_.insert(others_.end(), deadline);
    }

    /// The moment of the earliest; `TimePoint::max()` where there is none.
    TimePoint next() const noexcept
    {
        TimePoint earliest = others_.empty() ? TimePoint::max() : others_.begin()->at();
        for (const List& list : lists_) {
            if (!list.empty()) earliest = std::min(earliest, list.front().at());
        }
        return earliest;
    }

    /// Takes out the earliest that is due, or null.
    Deadline* take_due(TimePoint now) noexcept
    {
        const TimePoint earliest = next();
        if (earliest > now || earliest == TimePoint::max()) return nullptr;
        Deadline* first = nullptr;
        for (List& list : lists_) {
            if (!list.empty() && list.front().at() == earliest) first = &list.front();
        }
        if (!first) first = &*others_.begin();
        first->withdraw();
        return first;
    }

private:
    using List = boost::intrusive::list<Deadline, boost::intrusive::base_hook<DeadlineLink>,
                                        boost::intrusive::constant_time_size<false>>;

    static constexpr int longest_walk = 4;

    struct Earlier {
        bool operator()(const Deadline& a, const Deadline& b) const noexcept
        {
            return a.at() < b.at();
        }
    };

    /// False where that would be a long way.
    static bool append(List& list, Deadline& deadline)
    {
        auto place = list.end();
        for (int steps = 0; place != list.begin(); ++steps) {
            const auto before = std::prev(place);
            if (before->at() <= deadline.at()) break;
            if (steps == longest_walk) return false;
            place = before;
        }
        list.insert(place, deadline);
        return true;
    }

    std::array<List, 2> lists_;
    boost::intrusive::multiset<Deadline, boost::intrusive::base_hook<DeadlineNode>,
                               boost::intrusive::compare<Earlier>,
                               boost::intrusive::constant_time_size<false>>
        others_;
};

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <boost/intrusive/set.hpp>

namespace galaxy {

using DeadlineHook =
    boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// Something that happens at a moment unless it is withdrawn. The strand's.
class Deadline : public DeadlineHook {
public:
    TimePoint at() const noexcept { return at_; }

    /// The moment has come; the deadline is no longer pending.
    virtual void due() = 0;

    bool pending() const noexcept { return is_linked(); }
    void withdraw() noexcept { unlink_if_linked(); }

protected:
    ~Deadline() = default;

private:
    friend class Deadlines;
    void unlink_if_linked() noexcept
    {
        if (is_linked()) unlink();
    }

    TimePoint at_;
};

/// Every deadline of a galaxy in order, so that one alarm serves them all: arming and cancelling one
/// costs 750 ns, inserting here a tenth of that (most deadlines are the latest when they come).
class Deadlines {
public:
    void add(Deadline& deadline, TimePoint at)
    {
        deadline.withdraw();
        deadline.at_ = at;
        set_.insert(set_.end(), deadline);
    }

    /// The moment of the earliest; `TimePoint::max()` where there is none.
    TimePoint next() const noexcept { return set_.empty() ? TimePoint::max() : set_.begin()->at(); }

    /// Takes out the earliest that is due, or null.
    Deadline* take_due(TimePoint now) noexcept
    {
        if (next() > now) return nullptr;
        Deadline& first = *set_.begin();
        set_.erase(set_.begin());
        return &first;
    }

private:
    struct Earlier {
        bool operator()(const Deadline& a, const Deadline& b) const noexcept
        {
            return a.at() < b.at();
        }
    };

    boost::intrusive::multiset<Deadline, boost::intrusive::base_hook<DeadlineHook>,
                               boost::intrusive::compare<Earlier>,
                               boost::intrusive::constant_time_size<false>>
        set_;
};

}  // namespace galaxy

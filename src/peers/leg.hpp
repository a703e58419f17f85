// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>
#include <galaxy/time.hpp>

#include <boost/intrusive/list.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace galaxy {

class Leg;
class Link;

/// Who waits for legs.
class LegUser {
public:
    /// The leg has ended. Once for each, from any thread.
    virtual void leg_ended(std::shared_ptr<Leg> leg) = 0;

protected:
    ~LegUser() = default;
};

/// One request under way to a peer. As many may end together as came in one message, so a leg is
/// one allocation, carries its result to its user, and is linked into whatever it passes through.
class Leg final : public FetchSink, public std::enable_shared_from_this<Leg> {
public:
    using Subject = std::shared_ptr<void>;

    /// What `request` views lives as long as `subject`, which is kept for as long as the fetcher
    /// needs it, maybe longer than the user waits.
    Leg(std::shared_ptr<Link> link, const FetchRequest& request, std::shared_ptr<LegUser> user,
        Subject subject, TimePoint now);
    ~Leg() override;

    void alive() noexcept override;
    void done(FetchResult result) override;

    /// The asker's patience is over: ends the leg, if it has not ended, with `why`, and gives the
    /// request up. Says nothing of the peer.
    void give_up(boost::system::error_code why);

    /// See `Link::watch`.
    TimePoint watch();

    Link& link() const noexcept { return *link_; }
    const Subject& subject() const noexcept { return subject_; }
    /// Once it has ended.
    const FetchResult& result() const noexcept { return result_; }

    // The user's: a chain that owns it, once it has ended.
    Leg* inbox_next = nullptr;
    std::shared_ptr<Leg> chained;

private:
    friend class Link;
    enum class Judged : bool { no, yes };

    bool finish(FetchResult result, Judged judged);
    void end_with(boost::system::error_code why, Judged judged);

    const std::shared_ptr<Link> link_;
    const Subject subject_;
    const FetchRequest request_;
    const TimePoint begun_;
    std::uint64_t event_ = 0;  ///< the observer's id of it, if there is one
    std::atomic<TimePoint::rep> last_byte_;
    bool is_enlisted_ = false;  ///< was, once
    std::atomic<bool> ended_ = false;
    std::shared_ptr<LegUser> user_;  ///< until it has ended
    FetchResult result_;
    boost::intrusive::list_member_hook<> hook_;  ///< guarded by the link's mutex
};

}  // namespace galaxy

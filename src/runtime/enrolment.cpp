// SPDX-License-Identifier: BSL-1.0
#include "runtime/enrolment.hpp"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <exception>
#include <mutex>
#include <unordered_set>

namespace galaxy {

class Roster {
public:
    void add(Enrolment* one)
    {
        const std::lock_guard lock(mutex_);
        if (!gone_) enrolled_.insert(one);
    }

    bool remove(Enrolment* one, void (*release)(void*), void* f) noexcept
    {
        const std::lock_guard lock(mutex_);
        if (gone_) return false;
        enrolled_.erase(one);
        release(f);
        return true;
    }

    bool is_gone() const noexcept { return gone_; }

    void shut_down() noexcept
    {
        Garbage garbage;
        const std::lock_guard lock(mutex_);
        gone_ = true;
        for (Enrolment* one : enrolled_) one->context_gone(garbage);
        enrolled_.clear();
    }

private:
    std::mutex mutex_;
    std::unordered_set<Enrolment*> enrolled_;
    std::atomic<bool> gone_ = false;
};

namespace {

class RosterService final : public boost::asio::execution_context::service {
public:
    using key_type = RosterService;
    static inline boost::asio::execution_context::id id;

    explicit RosterService(boost::asio::execution_context& context)
        : boost::asio::execution_context::service(context)
    {
    }

    const std::shared_ptr<Roster>& roster() const noexcept { return roster_; }

private:
    void shutdown() noexcept override { roster_->shut_down(); }

    std::shared_ptr<Roster> roster_ = std::make_shared<Roster>();
};

/// A context shuts its services down from the newest to the oldest. Those that the enrolled use are
/// to be older than the roster's, so that all is let go of before they are touched.
std::shared_ptr<Roster> roster_of(const boost::asio::any_io_executor& executor)
{
    auto& context = boost::asio::query(executor, boost::asio::execution::context);
    if (!boost::asio::has_service<RosterService>(context)) {
        const boost::asio::steady_timer timer(executor);
        const boost::asio::ip::tcp::socket socket(executor);
        // Not by making a strand: 1.26 crashes where there is no memory for its second part.
        boost::asio::use_service<boost::asio::detail::strand_executor_service>(context);
    }
    return boost::asio::use_service<RosterService>(context).roster();
}

}  // namespace

Enrolment::Enrolment(const boost::asio::any_io_executor& executor) : roster_(roster_of(executor))
{
    roster_->add(this);
}

Enrolment::~Enrolment()
{
    leave();  // of one whose constructor threw; the others have left
}

bool given_up(const boost::asio::any_io_executor& executor) noexcept
{
    if (std::uncaught_exceptions() == 0 || !executor) return false;
    auto& context = boost::asio::query(executor, boost::asio::execution::context);
    return boost::asio::has_service<RosterService>(context)
           && !boost::asio::use_service<RosterService>(context).roster()->is_gone();
}

bool Enrolment::strike(Roster& roster, Enrolment* one, void (*release)(void*), void* f) noexcept
{
    return roster.remove(one, release, f);
}

}  // namespace galaxy

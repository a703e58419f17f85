// SPDX-License-Identifier: BSL-1.0
#include "runtime/enrolment.hpp"

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
    bool gone_ = false;
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

}  // namespace

Enrolment::Enrolment(boost::asio::execution_context& context)
    : roster_(boost::asio::use_service<RosterService>(context).roster())
{
    roster_->add(this);
}

Enrolment::~Enrolment()
{
    leave();  // of one whose constructor threw; the others have left
}

bool Enrolment::strike(Roster& roster, Enrolment* one, void (*release)(void*), void* f) noexcept
{
    return roster.remove(one, release, f);
}

}  // namespace galaxy

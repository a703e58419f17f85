// SPDX-License-Identifier: BSL-1.0
//
// Many keys at once, up to where they are waiters like any other (galaxy.cpp, 3.).

#include "galaxy_core.hpp"
#include "quietly.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace galaxy {

namespace {

/// Members of a cancelled group that leave in one turn of the strand.
constexpr std::size_t most_forgotten = 1024;

}  // namespace

// The look into memory, on the caller's thread.

ManyLook GalaxyCore::look_up(const Keys& keys)
{
    ManyLook look;
    look.results.resize(keys.size());
    std::array<std::string_view, store::Store::batch> some;
    for (std::size_t begin = 0; begin < keys.size(); begin += some.size()) {
        const std::size_t count = std::min(keys.size() - begin, some.size());
        for (std::size_t i = 0; i != count; ++i) some[i] = keys[begin + i];
        std::size_t next = begin;
        const auto missed_up_to = [&](std::size_t end) {
            for (; next != end; ++next) look.missed.push_back(next);
        };
        const bool due = hits({some.data(), count}, [&](std::size_t i, Value value) {
            missed_up_to(begin + i);
            *look.results[next++] = std::move(value);
        });
        missed_up_to(begin + count);
        look.yielding = look.yielding || due;
    }
    return look;
}

Group::Ref GalaxyCore::group(const Keys& keys, ManyLook look, GetRequest request)
{
    request.looked = true;
    std::vector<Waiter::Ref> members;
    members.reserve(look.missed.size());
    for (const std::size_t place : look.missed) {
        members.push_back(waiter(request, keys[place]));
        members.back()->place = place;
    }
    return Group::make(std::move(look.results), std::move(members));
}

// All misses go to the strand together.

void GalaxyCore::hand_in(Group::Ref group, const boost::asio::any_io_executor& executor)
{
    const bool equipped = equip(*group, executor);
    Inbox<Waiter>::Batch misses;
    for (const Waiter::Ref& member : group->members()) {
        member->enlist(group);
        if (!equipped) member->request().refusal = errc::refused;
        if (admit(member)) misses.add(Waiter::Ref(member).detach());
    }
    try {
        if (!misses.empty() && has_to_enter(inbox_.push(misses)) && !enter_soon()) strand_lost();
    } catch (const std::bad_alloc&) {
        if (!group->claim()) return;  // cancelled meanwhile, and told so
        for (const Waiter::Ref& member : group->members()) {
            if (take_back(*member)) member->quit_group();
        }
        group->drop();
        throw;
    }
    if (!group->arrive()) return;
    if (equipped) return post_completion(std::move(group));
    post_sleepers(Sleepers(std::move(group)), executor);
}

// The caller leaves, and all members with it; their flights go on.

void GalaxyCore::group_cancelled(Group::Ref group)
{
    const TimePoint now = around_.clock->now();
    for (const Waiter::Ref& member : group->members()) {
        if (!member->claim()) continue;
        member->quit_group();
        count_end(*member, Failure::own(boost::asio::error::operation_aborted), {}, now);
    }
    quietly([&] { forget_soon(group, 0); });
    post_completion(std::move(group));
}

void GalaxyCore::forget_soon(Group::Ref group, std::size_t begin)
{
    enter([this, group = std::move(group), begin] {
        const std::vector<Waiter::Ref>& members = group->members();
        const std::size_t end = std::min(members.size(), begin + most_forgotten);
        for (std::size_t i = begin; i != end; ++i) forget(*members[i]);
        if (end != members.size()) forget_soon(group, end);
    });
}

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/lookups.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace galaxy::test {

/// A system whose names are a test's. Lookups of names that hang wait on their threads until they
/// are let go, at the latest when this ends. A name that nobody has set is not found.
class ScriptedNames {
public:
    ScriptedNames() = default;
    ScriptedNames(const ScriptedNames&) = delete;
    ScriptedNames& operator=(const ScriptedNames&) = delete;
    ~ScriptedNames()
    {
        const std::lock_guard lock(state_->mutex);
        state_->hanging.clear();
        state_->changed.notify_all();
    }

    void set(const std::string& name, const std::vector<std::string>& addresses)
    {
        http::Found found;
        for (const std::string& one : addresses)
            found.addresses.push_back(boost::asio::ip::make_address(one));
        set(name, std::move(found));
    }
    void set(const std::string& name, http::Found found)
    {
        const std::lock_guard lock(state_->mutex);
        state_->found[name] = std::move(found);
    }

    void hang(const std::string& name)
    {
        const std::lock_guard lock(state_->mutex);
        state_->hanging.insert(name);
    }
    void let_go(const std::string& name)
    {
        const std::lock_guard lock(state_->mutex);
        state_->hanging.erase(name);
        state_->changed.notify_all();
    }

    /// Lookups that a thread has begun.
    std::size_t asked(const std::string& name) const
    {
        const std::lock_guard lock(state_->mutex);
        return state_->asked[name];
    }
    void await_asked(const std::string& name, std::size_t times = 1) const
    {
        std::unique_lock lock(state_->mutex);
        state_->changed.wait(lock, [&] { return state_->asked[name] >= times; });
    }

    http::Lookups::Resolve resolve() const
    {
        return [state = state_](const std::string& name) { return state->look_up(name); };
    }

private:
    struct State {
        http::Found look_up(const std::string& name)
        {
            std::unique_lock lock(mutex);
            ++asked[name];
            changed.notify_all();
            changed.wait(lock, [&] { return !hanging.contains(name); });
            const auto known = found.find(name);
            return known != found.end() ? known->second
                                        : http::Found{boost::asio::error::host_not_found, {}};
        }

        std::mutex mutex;
        std::condition_variable changed;
        std::map<std::string, http::Found> found;
        std::set<std::string> hanging;
        std::map<std::string, std::size_t> asked;
    };

    const std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// What this process looks its names up with, while this lives.
class LookupsOfTest {
public:
    explicit LookupsOfTest(const ScriptedNames& names, std::size_t most_threads = 2)
        : LookupsOfTest(std::make_shared<http::Lookups>(names.resolve(), most_threads))
    {
    }
    explicit LookupsOfTest(std::shared_ptr<http::Lookups> lookups)
        : lookups_(std::move(lookups)), before_(http::Lookups::replace(lookups_))
    {
    }
    LookupsOfTest(const LookupsOfTest&) = delete;
    LookupsOfTest& operator=(const LookupsOfTest&) = delete;
    ~LookupsOfTest() { http::Lookups::replace(before_); }

    http::Lookups& operator*() const { return *lookups_; }
    http::Lookups* operator->() const { return lookups_.get(); }

private:
    const std::shared_ptr<http::Lookups> lookups_;
    const std::shared_ptr<http::Lookups> before_;
};

}  // namespace galaxy::test

// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/backend.hpp>

#include "testing/parked.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace galaxy::testing {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// What a load does in the end.
struct Act {
    std::optional<Loaded> answer;        ///< none: "value of KEY"
    std::exception_ptr error = nullptr;  ///< comes first
};

using ParkedList = std::vector<std::shared_ptr<Parked>>;

}  // namespace

// Loads and tests meet here. Nothing parked is destroyed under the mutex: that runs user code.
struct ScriptedBackend::Script {
    struct Key {
        std::optional<Act> act;
        std::uint64_t calls = 0;
        std::uint64_t running = 0;
        ParkedList held;
        ParkedList awaiting_start;
    };

    class Running;

    std::mutex mutex;
    Act act;
    bool at_once = false;
    std::exception_ptr throw_first = nullptr;
    // Loads on several threads share an exception, whose count of references is in the runtime
    // library, where the thread sanitizer does not see it: the last to let go of one would race
    // with who has just read it. So that is never a load.
    std::vector<std::exception_ptr> given;
    bool holding = false;
    std::map<std::string, Key, std::less<>> keys;
    std::uint64_t calls = 0, running = 0, most_running = 0, most_of_one = 0;

    Key& key(std::string_view name)
    {
        const auto found = keys.find(name);
        return found != keys.end() ? found->second : keys[std::string(name)];
    }

    /// True where a load of `name` may go on; else `parked` waits for its release.
    bool passes(std::string_view name, const std::shared_ptr<Parked>& parked)
    {
        const std::lock_guard lock(mutex);
        if (!holding) return true;
        key(name).held.push_back(parked);
        return false;
    }

    /// With the mutex held.
    const std::exception_ptr& keep(std::exception_ptr error)
    {
        return given.emplace_back(std::move(error));
    }

    Act act_of(std::string_view name)
    {
        const std::lock_guard lock(mutex);
        return key(name).act.value_or(act);
    }
};

/// Counts one load while it lives.
class ScriptedBackend::Script::Running {
public:
    Running(std::shared_ptr<Script> script, std::string_view name)
        : script_(std::move(script)), name_(name)
    {
        ParkedList told;
        const std::lock_guard lock(script_->mutex);
        Key& key = script_->key(name_);
        ++script_->calls;
        ++key.calls;
        script_->most_running = std::max(script_->most_running, ++script_->running);
        script_->most_of_one = std::max(script_->most_of_one, ++key.running);
        told.swap(key.awaiting_start);
        for (const std::shared_ptr<Parked>& waiter : told) waiter->complete();
    }

    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    ~Running()
    {
        const std::lock_guard lock(script_->mutex);
        --script_->running;
        --script_->key(name_).running;
    }

private:
    std::shared_ptr<Script> script_;
    std::string name_;
};

namespace {

/// Waits for a release. Only a terminal cancellation ends it before, as with most of Asio.
template <class Script>
asio::awaitable<void> wait_for_release(std::shared_ptr<Script> script, std::string_view key,
                                       asio::any_io_executor executor)
{
    auto initiate = [](auto&& handler, std::shared_ptr<Script> on, std::string_view name,
                       asio::any_io_executor where) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto parked = std::make_shared<Parked>(
            std::move(where), Parked::Handler(std::forward<decltype(handler)>(handler)));
        if (slot.is_connected()) {
            slot.assign([weak = std::weak_ptr<Parked>(parked)](asio::cancellation_type type) {
                if ((type & asio::cancellation_type::terminal) == asio::cancellation_type::none)
                    return;
                if (auto cancelled = weak.lock())
                    cancelled->complete(asio::error::operation_aborted);
            });
        }
        if (on->passes(name, parked)) parked->complete();
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(error_code)>(
        std::move(initiate), asio::use_awaitable, std::move(script), key, std::move(executor));
}

}  // namespace

ScriptedBackend::ScriptedBackend() : script_(std::make_shared<Script>()) {}

Backend ScriptedBackend::backend() const
{
    return [script = script_](std::string_view key) { return load(script, key); };
}

asio::awaitable<Loaded> ScriptedBackend::load(std::shared_ptr<Script> script, std::string_view key)
{
    const Script::Running running(script, key);
    bool at_once = false;
    std::exception_ptr first;
    {
        const std::lock_guard lock(script->mutex);
        at_once = script->at_once;
        first = script->throw_first;
    }
    if (first) std::rethrow_exception(first);
    if (!at_once) {
        asio::any_io_executor executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        co_await wait_for_release(script, key, executor);
    }
    Act act = script->act_of(key);
    if (act.error) std::rethrow_exception(act.error);
    if (act.answer) co_return std::move(*act.answer);
    co_return Loaded::value("value of " + std::string(key));
}

void ScriptedBackend::answer(Loaded loaded)
{
    const std::lock_guard lock(script_->mutex);
    script_->act = Act{std::move(loaded)};
}

void ScriptedBackend::answer(std::string key, Loaded loaded)
{
    const std::lock_guard lock(script_->mutex);
    script_->key(key).act = Act{std::move(loaded)};
}

void ScriptedBackend::fail_with(std::exception_ptr error)
{
    const std::lock_guard lock(script_->mutex);
    script_->act = Act{std::nullopt, script_->keep(std::move(error))};
}

void ScriptedBackend::fail_with(std::string key, std::exception_ptr error)
{
    const std::lock_guard lock(script_->mutex);
    script_->key(key).act = Act{std::nullopt, script_->keep(std::move(error))};
}

void ScriptedBackend::throw_at_once(std::exception_ptr error)
{
    const std::lock_guard lock(script_->mutex);
    script_->throw_first = script_->keep(std::move(error));
}

void ScriptedBackend::complete_at_once()
{
    const std::lock_guard lock(script_->mutex);
    script_->at_once = true;
}

void ScriptedBackend::reset()
{
    {
        const std::lock_guard lock(script_->mutex);
        script_->act = Act{};
        script_->at_once = false;
        script_->throw_first = nullptr;
        for (auto& [name, key] : script_->keys) key.act.reset();
    }
    release();
}

void ScriptedBackend::hold()
{
    const std::lock_guard lock(script_->mutex);
    script_->holding = true;
}

void ScriptedBackend::release()
{
    ParkedList held;
    {
        const std::lock_guard lock(script_->mutex);
        script_->holding = false;
        for (auto& [name, key] : script_->keys) {
            held.insert(held.end(), key.held.begin(), key.held.end());
            key.held.clear();
        }
    }
    for (const std::shared_ptr<Parked>& one : held) one->complete();
}

void ScriptedBackend::release_one(std::string_view key)
{
    ParkedList held;
    {
        const std::lock_guard lock(script_->mutex);
        held.swap(script_->key(key).held);
    }
    for (const std::shared_ptr<Parked>& one : held) one->complete();
}

std::uint64_t ScriptedBackend::calls() const
{
    const std::lock_guard lock(script_->mutex);
    return script_->calls;
}

std::uint64_t ScriptedBackend::calls(std::string_view key) const
{
    const std::lock_guard lock(script_->mutex);
    const auto found = script_->keys.find(key);
    return found == script_->keys.end() ? 0 : found->second.calls;
}

std::uint64_t ScriptedBackend::running() const
{
    const std::lock_guard lock(script_->mutex);
    return script_->running;
}

std::uint64_t ScriptedBackend::most_running() const
{
    const std::lock_guard lock(script_->mutex);
    return script_->most_running;
}

std::uint64_t ScriptedBackend::most_running_of_one_key() const
{
    const std::lock_guard lock(script_->mutex);
    return script_->most_of_one;
}

void ScriptedBackend::await_start(const std::shared_ptr<Script>& script, std::string_view key,
                                  asio::any_io_executor executor, Started handler)
{
    auto waiter = std::make_shared<Parked>(std::move(executor), std::move(handler));
    {
        const std::lock_guard lock(script->mutex);
        Script::Key& entry = script->key(key);
        if (entry.calls == 0) {
            entry.awaiting_start.push_back(std::move(waiter));
            return;
        }
    }
    waiter->complete();
}

}  // namespace galaxy::testing

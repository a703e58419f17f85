// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/backend.hpp>
#include <galaxy/initiation.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace galaxy::testing {

/// A backend that does what a test scripts, counts its calls, and can be held. By default it
/// answers every key with "value of KEY" after one suspension. A cheap handle; copies share the
/// script. Convert it with `backend()` and give the same script to several galaxies, as several
/// processes share one database. Thread-safe.
class ScriptedBackend {
public:
    ScriptedBackend();

    /// What to give to `Universe::create`.
    Backend backend() const;

    // What loads do from now on; for all keys, or for one (which comes first).
    void answer(Loaded loaded);
    void answer(std::string key, Loaded loaded);
    void fail_with(std::exception_ptr error);  ///< after the first suspension
    void fail_with(std::string key, std::exception_ptr error);
    void throw_at_once(std::exception_ptr error);  ///< before the first suspension
    void complete_at_once();                       ///< answers without suspending
    void reset();                                  ///< back to the default

    // Holding: loads that have started wait until released.
    void hold();
    void release();                          ///< lets every held load go on, and later ones pass
    void release_one(std::string_view key);  ///< lets the held loads of one key go on

    std::uint64_t calls() const;  ///< loads begun, ever
    std::uint64_t calls(std::string_view key) const;
    std::uint64_t running() const;                  ///< begun and not yet ended
    std::uint64_t most_running() const;             ///< at once, ever
    std::uint64_t most_running_of_one_key() const;  ///< at once, ever

    /// Completes when a load of `key` has started, at once if one has already: `void(error_code)`.
    template <boost::asio::completion_token_for<void(boost::system::error_code)> Token>
    auto async_started(std::string key, Token&& token) const
    {
        using Signature = void(boost::system::error_code);
        return boost::asio::async_initiate<Token, Signature>(
            Initiation<Signature, &ScriptedBackend::await_start>(boost::asio::system_executor()),
            token, script_, std::move(key));
    }

private:
    using Started = boost::asio::any_completion_handler<void(boost::system::error_code)>;
    struct Script;

    static void await_start(const std::shared_ptr<Script>& script, std::string_view key,
                            boost::asio::any_io_executor executor, Started handler);
    static boost::asio::awaitable<Loaded> load(std::shared_ptr<Script> script,
                                               std::string_view key);

    std::shared_ptr<Script> script_;
};

}  // namespace galaxy::testing

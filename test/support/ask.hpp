// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/galaxy.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy::test {

/// One get under way, and what came of it. Not thread-safe.
struct Asked {
    bool done = false;
    std::size_t completions = 0;
    boost::system::error_code error;
    Value value;
    std::function<void()> on_done;
    boost::asio::cancellation_signal signal;

    bool ok() const { return done && !error; }
    bool failed_with(boost::system::error_code code) const { return done && error == code; }
    void cancel(boost::asio::cancellation_type type = boost::asio::cancellation_type::terminal)
    {
        signal.emit(type);
    }
};

using AskedPtr = std::shared_ptr<Asked>;
using AskedList = std::vector<AskedPtr>;

/// What completes an `Asked`. Holds it, so that a handler that is never destroyed is a leak to see.
inline auto completing(const AskedPtr& asked)
{
    return boost::asio::bind_cancellation_slot(
        asked->signal.slot(), [asked](boost::system::error_code error, Value value) {
            asked->done = true;
            ++asked->completions;
            asked->error = error;
            asked->value = std::move(value);
            if (asked->on_done) asked->on_done();
        });
}

/// Begins a get.
inline AskedPtr ask(const Galaxy& galaxy, std::string_view key, GetOptions options = {})
{
    auto asked = std::make_shared<Asked>();
    galaxy.async_get(key, options, completing(asked));
    return asked;
}

/// One get of many keys, and what came of it. Not thread-safe.
struct AskedMany {
    bool done = false;
    std::size_t completions = 0;
    boost::system::error_code error;
    Galaxy::Results results;
    boost::asio::cancellation_signal signal;

    /// The value of the i-th key, or why there is none, in words.
    std::string said(std::size_t i) const
    {
        return results[i] ? std::string(results[i]->view()) : results[i].error().message();
    }
};

using AskedManyPtr = std::shared_ptr<AskedMany>;

inline AskedManyPtr ask_many(const Galaxy& galaxy, Keys keys, GetOptions options = {})
{
    auto asked = std::make_shared<AskedMany>();
    auto complete = [asked](boost::system::error_code error, Galaxy::Results results) {
        asked->done = true;
        ++asked->completions;
        asked->error = error;
        asked->results = std::move(results);
    };
    galaxy.async_get_many(
        keys, options,
        boost::asio::bind_cancellation_slot(asked->signal.slot(), std::move(complete)));
    return asked;
}

/// "k0", "k1", and so on.
inline std::vector<std::string> numbered_keys(std::size_t count)
{
    std::vector<std::string> keys;
    for (std::size_t i = 0; i != count; ++i) keys.push_back("k" + std::to_string(i));
    return keys;
}

/// Begins a request as a peer's server would hand it in.
inline AskedPtr ask(const Responder& responder, const PeerRequest& request)
{
    auto asked = std::make_shared<Asked>();
    responder.async_answer(request, completing(asked));
    return asked;
}

/// The same, of the cluster's galaxy "g", with nothing said about universe, peer and ring.
inline AskedPtr ask(const Responder& responder, std::string_view key, Verb verb = Verb::fetch)
{
    PeerRequest request;
    request.verb = verb;
    request.galaxy = "g";
    request.key = key;
    return ask(responder, request);
}

inline AskedList ask_often(const Galaxy& galaxy, std::string_view key, std::size_t times)
{
    AskedList all;
    for (std::size_t i = 0; i != times; ++i) all.push_back(ask(galaxy, key));
    return all;
}

inline std::size_t count_done(const AskedList& all)
{
    std::size_t done = 0;
    for (const AskedPtr& one : all) done += one->done ? 1 : 0;
    return done;
}

inline bool all_ok(const AskedList& all, std::string_view bytes)
{
    for (const AskedPtr& one : all) {
        if (!one->ok() || one->value.view() != bytes) return false;
    }
    return true;
}

inline bool all_failed_with(const AskedList& all, boost::system::error_code code)
{
    for (const AskedPtr& one : all) {
        if (!one->failed_with(code)) return false;
    }
    return true;
}

}  // namespace galaxy::test

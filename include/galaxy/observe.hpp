// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>
#include <galaxy/value.hpp>

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace galaxy {

enum class LogLevel { debug, info, warning, error };

/// "debug", "info", "warning" or "error".
std::string_view to_string(LogLevel level) noexcept;

struct LogField {
    std::string_view name;
    std::string_view value;
};

/// Receives what is worth telling an operator; empty (the default) is silent. Called on any thread,
/// the strand included: it must be short, must not throw, and must not call back into galaxy.
/// Repeats of one message about one galaxy or peer (the fields of these names) are limited to one
/// in ten seconds; the field `repeats_left_out` then tells how many there were.
using Log =
    std::function<void(LogLevel, std::string_view message, std::span<const LogField> fields)>;

/// What an observer is told about. The views live for the call. `id` is the same in begun and
/// ended, and in no other event of this process; it is not zero.
struct GetEvent {
    std::string_view galaxy;
    std::string_view key;
    std::uint64_t id = 0;
};

struct FetchEvent {
    std::string_view galaxy;
    std::string_view key;
    std::string_view peer;
    bool peek = false;
    std::uint64_t id = 0;
};

/// The seam for tracing and metrics libraries. Every begun is followed by one ended, unless the
/// execution context is destroyed in between. Same rules as for `Log`.
///
/// Of gets it hears of those that memory did not answer at once: they lead a flight, join one, or
/// are refused. A `get_many` is a get for each such key; what a peer asks for is a get here too.
/// Hits, `find`, `visit` and a peer's peek are counted (`Galaxy::stats`) and not told. One load may
/// serve many gets, and a get may end before its load does.
class Observer {
public:
    virtual ~Observer() = default;

    virtual void get_begun(const GetEvent&) {}
    virtual void get_ended(const GetEvent&, boost::system::error_code, Duration) {}
    virtual void load_begun(const GetEvent&) {}
    /// `what` is the text of what the backend threw, or empty.
    virtual void load_ended(const GetEvent&, boost::system::error_code, Duration,
                            std::string_view what)
    {
        (void)what;
    }
    virtual void fetch_begun(const FetchEvent&) {}
    virtual void fetch_ended(const FetchEvent&, boost::system::error_code, Duration) {}
};

}  // namespace galaxy

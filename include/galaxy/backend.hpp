// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace galaxy {

/// What a backend returns: the value, "there is none", and how long the answer holds.
class Loaded {
public:
    /// A value to keep for `lifetime`, or until evicted where that is zero.
    /// A negative lifetime is over already: the value is returned and not kept.
    static Loaded value(std::string bytes, Duration lifetime = Duration::zero());

    /// A value that ends at a moment of the calendar; peers are told the same moment.
    static Loaded until(std::string bytes, WallTime expires);

    /// A value for those who wait now, and not for the cache.
    static Loaded uncached(std::string bytes);

    /// The key does not exist. Gets end with `errc::not_found`.
    static Loaded not_found();

    bool found() const noexcept { return found_; }
    bool cacheable() const noexcept { return cacheable_; }
    const std::string& bytes() const noexcept { return bytes_; }
    Duration lifetime() const noexcept { return lifetime_; }
    std::optional<WallTime> expires() const noexcept { return expires_; }

private:
    Loaded(bool found, bool cacheable, std::string bytes) noexcept;

    std::string bytes_;
    Duration lifetime_ = Duration::zero();
    std::optional<WallTime> expires_;
    bool found_;
    bool cacheable_;
};

/// Loads a key that nobody has: any callable that takes the key and returns an awaitable.
///
/// It runs on the universe's executor, or on `GalaxyOptions::backend_executor`, never on the
/// galaxy's strand, and may be called for many keys at once, from several threads where the
/// executor has several. The key's bytes live until the load has ended. A failure is an exception.
/// A backend bounds its own time; `backend_timeout` bounds how long anyone waits for it.
using Backend = std::function<boost::asio::awaitable<Loaded>(std::string_view key)>;

/// Makes a backend of a synchronous function, called on `pool` (say, an `asio::thread_pool`), so
/// that a driver that blocks never blocks a galaxy. The pool's size bounds how many run at once;
/// the pool must outlive the universe's context. A call that has begun cannot be cancelled.
Backend blocking(boost::asio::any_io_executor pool,
                 std::function<Loaded(std::string_view key)> load);

}  // namespace galaxy

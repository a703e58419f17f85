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
    /// A value to keep for `lifetime`, or until evicted where that is zero (what somebody else says
    /// to hold for no time at all is `uncached`). A negative lifetime is over already: the value is
    /// returned and not kept.
    static Loaded value(std::string bytes, Duration lifetime = Duration::zero());

    /// A value that ends at a moment of the calendar; peers are told the same moment.
    static Loaded until(std::string bytes, WallTime expires);

    /// A value for those who wait now, and not for the cache.
    static Loaded uncached(std::string bytes);

    /// The key does not exist. Gets end with `errc::not_found`.
    static Loaded not_found();

    /// The value is larger than the backend cares to load. Gets end with `errc::value_too_large`,
    /// as they do for one above `GalaxyOptions::max_value`, and peers hear of it in these words,
    /// while of an exception they hear only that the backend failed.
    static Loaded too_large();

    /// Whether there is a value in it. Where there is none, `fits` says why: the key does not
    /// exist, or, where it is false, its value is too large.
    bool found() const noexcept { return found_; }
    bool fits() const noexcept { return fits_; }
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
    bool fits_ = true;
};

/// Loads a key that nobody has: any callable that takes the key and returns an awaitable.
///
/// It runs on the universe's executor, or on `GalaxyOptions::backend_executor`, never on the
/// galaxy's strand, and may be called for many keys at once, from several threads where the
/// executor has several: it has no strand of its own, and `||` or `&&` in it needs one there (see
/// docs/concurrency.md). The key's bytes live until the load has ended; the callable itself until
/// the galaxy is closed and its last load has ended. To reach its own galaxy, it captures a
/// `WeakGalaxy`: a `Galaxy` would keep the galaxy for as long as nobody closes it.
///
/// A failure is an exception. Callers in this process hear the code of a `system_error` (Boost's or
/// the standard library's), else `errc::backend_failed`. Peers hear `backend_failed` whatever the
/// code, galaxy's own codes included, but for EMFILE and ENFILE: a process out of descriptors is
/// `busy`. A nested get of another key that finds nothing is such a failure, unless it is caught
/// and made `Loaded::not_found()`.
///
/// Every load must end: `backend_timeout` bounds how long anyone waits for it, but a load under way
/// keeps its key and its place among `max_backend_loads` until it ends.
using Backend = std::function<boost::asio::awaitable<Loaded>(std::string_view key)>;

/// Makes a backend of a synchronous function, called on `pool` (say, an `asio::thread_pool`), so
/// that a driver that blocks never blocks a galaxy. The pool's size bounds how many run at once;
/// the pool must outlive the universe's context. A call that has begun cannot be cancelled. Throws
/// `std::invalid_argument` where either is empty.
Backend blocking(boost::asio::any_io_executor pool,
                 std::function<Loaded(std::string_view key)> load);

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "unit/own_malloc.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <thread>
#include <utility>

// Allocations that fail, in this program only, whose malloc family is our own (famine.cpp). Under
// the sanitizers, which bring one of theirs, it is `operator new` and `aligned_alloc` that fail.
namespace galaxy::test {

/// While it lives, allocations of all threads fail as it says, but for those within an `Exempt`.
/// One at a time.
class Famine {
public:
    /// The n-th from now, counted from one.
    static Famine of_the(std::uint64_t nth) noexcept { return Famine(nth, SIZE_MAX); }
    /// Those of at least so many bytes.
    static Famine from(std::size_t size) noexcept { return Famine(0, size); }
    Famine(const Famine&) = delete;
    Famine& operator=(const Famine&) = delete;
    ~Famine();

    /// How many have failed.
    std::uint64_t struck() const noexcept;

private:
    Famine(std::uint64_t nth, std::size_t size) noexcept;
};

/// The calling thread has what it needs: for what is no part of the test.
class Exempt {
public:
    Exempt() noexcept;
    ~Exempt();
    Exempt(const Exempt&) = delete;
    Exempt& operator=(const Exempt&) = delete;
};

/// Calls `f`, and tells whether `bad_alloc` came out.
template <class F>
bool starves(F&& f)
{
    try {
        f();
        return false;
    } catch (const std::bad_alloc&) {
        return true;
    }
}

/// Runs what the context has to run, also after what comes out of it. Returns how often something
/// did.
template <class Context>
std::size_t poll_all(Context& context)
{
    std::size_t thrown = 0;
    context.restart();
    while (starves([&] { context.poll(); })) ++thrown;
    return thrown;
}

/// Calls `scenario(n)`, for n = 1, 2, 3 and so on, until it says that no allocation failed. Each
/// call has a thread of its own, so that nothing lies ready that the one before has left. `step`:
/// for each so-manieth n, where there are too many.
template <class F>
void starve(F scenario, std::uint64_t step = 1)
{
    for (std::uint64_t n = 1;; n += step) {
        CAPTURE(n);
        bool struck = false;
        std::thread([&] { struck = scenario(n); }).join();
        if (!struck) break;
        REQUIRE(n < 100'000);
    }
}

}  // namespace galaxy::test

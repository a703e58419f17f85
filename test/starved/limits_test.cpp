// SPDX-License-Identifier: BSL-1.0
//
// A process whose address space is limited, with a pool: the system's own want of memory, where
// every thread allocates.
#include <galaxy/galaxy.hpp>

#include "unit/own_malloc.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <catch2/catch_test_macros.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <new>
#include <string>
#include <vector>

using namespace galaxy;
namespace asio = boost::asio;

#ifndef GALAXY_OWN_MALLOC  // a sanitizer takes more address space than there is

namespace {

constexpr std::size_t value_size = std::size_t{8} << 20;

void limit_address_space(std::size_t more)
{
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const auto most =
        static_cast<rlim_t>(pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + more);
    const rlimit limit{most, most};
    ::setrlimit(RLIMIT_AS, &limit);
}

void run_on(asio::io_context& io)
{
    io.restart();
    for (;;) {
        try {
            io.run();
            return;
        } catch (const std::bad_alloc&) {
        }
    }
}

/// Asks for more than there is room for, some times over, and then for what there is room for.
/// Zero, or what went wrong.
int ask_for_too_much()
{
    asio::thread_pool pool(4);
    asio::io_context io;
    Universe universe(io.get_executor());
    Galaxy g = universe.create("g", blocking(pool.get_executor(), [](std::string_view) {
                                   return Loaded::uncached(std::string(value_size, 'x'));
                               }));
    constexpr int most = 64;
    int ended = 0;
    int begun = 0;
    int failed = 0;
    std::vector<Value> kept;
    kept.reserve(most);
    limit_address_space(16 * value_size);
    for (int round = 0; round != 4; ++round) {
        for (int i = 0; i != most; ++i) {
            try {
                g.async_get(std::to_string(i), [&](boost::system::error_code error, Value value) {
                    ++ended;
                    if (error) ++failed;
                    if (!error) kept.push_back(std::move(value));
                });
                ++begun;
            } catch (const std::bad_alloc&) {
            }
        }
        run_on(io);
        kept.clear();
    }
    if (begun == 0 || ended > begun) return 2;
    if (failed == 0) return 3;  // there was no want
    bool served = false;
    g.async_get("last", [&](boost::system::error_code error, const Value& value) {
        served = !error && value.size() == value_size;
    });
    run_on(io);
    return served ? 0 : 4;
}

}  // namespace

TEST_CASE("a process with a pool lives on where its address space is used up")
{
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(ask_for_too_much());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CAPTURE(status);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

#endif

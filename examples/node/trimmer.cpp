// SPDX-License-Identifier: BSL-1.0
#include "node/trimmer.hpp"

#include "node/log.hpp"

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <new>
#include <stop_token>
#include <system_error>

#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace node {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t mebi = std::size_t{1} << 20;
constexpr auto look_every = 2s;
/// Of the time, at most a hundredth.
constexpr int least_rest = 100;
constexpr auto first_pause = 4s;
constexpr auto longest_pause = 64s;
/// What is not worth the trouble.
constexpr std::size_t little = 8 * mebi;

/// Zero where it cannot be told.
std::size_t resident_bytes()
{
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void give_back()
{
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

}  // namespace

void set_up_malloc([[maybe_unused]] std::size_t threads)
{
#ifdef __GLIBC__
    // To name one of the first two ends that each block that is given back raises both, to 32 and
    // 64 MiB. Blocks of up to 4 MiB still come from what others have given back: fresh pages cost
    // more than to load what goes into them. Entries of the cache are mapped from 64 KiB anyway.
    ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(4 * mebi));
    ::mallopt(M_TRIM_THRESHOLD, static_cast<int>(little));
    ::mallopt(M_ARENA_MAX, static_cast<int>(threads) + 1);
#endif
}

bool TrimPolicy::is_due(Clock::time_point now, std::size_t resident,
                        std::size_t known) const noexcept
{
    return now >= next_ && resident > idle_ + known + known / 4 + little;
}

void TrimPolicy::done(Clock::time_point now, Clock::duration took, std::size_t before,
                      std::size_t after)
{
    const bool gave = before > after && before - after > little / 2;
    pause_ = gave ? Clock::duration::zero()
                  : std::clamp<Clock::duration>(2 * pause_, first_pause, longest_pause);
    next_ = now + std::max(pause_, took * least_rest);
}

void Trimmer::begin()
{
    try {
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    } catch (const std::system_error& error) {
        log_warning("no thread that gives memory back", {{"error", error.code().message()}});
    }
}

void Trimmer::stop()
{
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
}

void Trimmer::look(TrimPolicy& policy) const
{
    const std::size_t before = resident_bytes();
    const TrimPolicy::Clock::time_point begin = TrimPolicy::Clock::now();
    if (!policy.is_due(begin, before, known_())) return;
    give_back();
    const TrimPolicy::Clock::time_point end = TrimPolicy::Clock::now();
    policy.done(end, end - begin, before, resident_bytes());
}

void Trimmer::run(const std::stop_token& stop)
{
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any bell;
    const auto stopped = [&stop] { return stop.stop_requested(); };
    TrimPolicy policy(resident_bytes());
    while (!bell.wait_for(lock, stop, look_every, stopped)) {
        try {
            look(policy);
        } catch (const std::bad_alloc&) {
            give_back();
        }
    }
}

}  // namespace node

// SPDX-License-Identifier: BSL-1.0
#include "siege/siege.hpp"

#include "siege/besieged.hpp"
#include "siege/good_client.hpp"
#include "siege/origin.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include <sys/resource.h>
#include <time.h>

namespace galaxy::siege {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t capacity = std::size_t{64} << 20;  // the node's own
/// Memory is at rest when it is so near to what it was.
constexpr std::size_t near = std::size_t{4} << 20;

struct Interrupted {};

/// Sleeps on the one thread that hears signals.
void sleep_for(Clock::duration time)
{
    sigset_t heard;
    ::sigemptyset(&heard);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&heard, number);
    const Clock::time_point end = Clock::now() + time;
    for (;;) {
        const auto left = std::max(std::chrono::nanoseconds(end - Clock::now()), 0ns);
        const timespec limit{left / 1s, (left % 1s).count()};
        if (::sigtimedwait(&heard, nullptr, &limit) > 0) throw Interrupted();
        if (errno == EAGAIN) return;
    }
}

/// The node and its good client, with a full cache.
class Scene {
public:
    Scene(const Options& options, const Origin& origin)
        : node(origin.url(), options.node_words, options.log), good(node.port())
    {
        if (!good.fill(capacity)) throw std::runtime_error("the cache cannot be filled");
        good.begin();
        sleep_for(500ms);
        good.take();
    }

    Besieged node;
    GoodClient good;
};

class Siege {
public:
    explicit Siege(const Options& options)
        : options_(options),
          scene_(std::make_unique<Scene>(options, origin_)),
          end_(Clock::now() + options.time)
    {
        std::fprintf(stderr, "galaxy-siege: a node with %zu descriptors and %zu MB, by %s\n",
                     node_descriptors, node_memory >> 20, scene_->node.limited_by());
    }

    void run(Outcome& outcome)
    {
        const auto total = std::chrono::duration_cast<Clock::duration>(options_.time);
        sleep_for(total / 20);
        outcome.quiet = {scene_->good.take(), scene_->node.resident()};
        tell("(none)", outcome.quiet.seen, outcome.quiet.resident);
        std::size_t left = options_.attacks.size();
        for (const Attack& attack : options_.attacks) {
            std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(attack.name.size()),
                         attack.name.data(), static_cast<int>(attack.what.size()),
                         attack.what.data());
            const Clock::duration share = (end_ - Clock::now()) / static_cast<int>(left--);
            outcome.results.push_back(
                endure(attack, std::max<Clock::duration>(share, 1s), outcome.quiet.resident));
            const Result& result = outcome.results.back();
            tell(result.name, result.seen, result.after);
            for (const std::string& sentence : broken(result, outcome.quiet))
                std::fprintf(stderr, "    not held: %s\n", sentence.c_str());
            if (!result.node_ended.empty()) scene_.reset();
            if (!scene_) scene_ = std::make_unique<Scene>(options_, origin_);
        }
    }

private:
    Result endure(const Attack& attack, Clock::duration share, std::size_t resident)
    {
        Result result;
        result.name = attack.name;
        result.before = scene_->node.resident();
        scene_->node.forget_peak();
        scene_->good.take();
        suffer(attack, share * 2 / 3);
        result.seen = scene_->good.take();
        rest(resident, std::clamp<Clock::duration>(share / 3, 3s, 5s));
        // What began under the attack may have ended since: its errors count, its times as well.
        result.seen.add(scene_->good.take());
        if (!scene_->node.alive()) {
            result.node_ended = scene_->node.end();
            return result;
        }
        result.peak = scene_->node.peak();
        result.after = scene_->node.resident();
        return result;
    }

    void suffer(const Attack& attack, Clock::duration time)
    {
        std::atomic<bool> over{false};
        const Field field{{scene_->node.port(), options_.from}, over};
        const std::jthread attacker([&] {
            // Of this thread, by Linux; the node and the good client have the processors first.
            ::setpriority(PRIO_PROCESS, 0, 10);
            attack.run(field);
        });
        // However this ends, before the thread is waited for.
        const std::unique_ptr<std::atomic<bool>, void (*)(std::atomic<bool>*)> end(
            &over, [](std::atomic<bool>* flag) { *flag = true; });
        const Clock::time_point until = Clock::now() + time;
        while (Clock::now() < until && scene_->node.alive()) sleep_for(50ms);
    }

    /// Until the node's memory is what it was, or for so long.
    void rest(std::size_t resident, Clock::duration longest)
    {
        const Clock::time_point until = Clock::now() + longest;
        do {
            sleep_for(100ms);
        } while (Clock::now() < until && scene_->node.alive()
                 && scene_->node.resident() > resident + near);
    }

    static void tell(const std::string& name, const Seen& seen, std::size_t resident)
    {
        std::fprintf(stderr, "    %s: %zu requests, %zu errors, p99 of hits %.2f ms, now %zu MB\n",
                     name.c_str(), seen.requests(), seen.errors, p99(seen, Sample::Kind::hit),
                     resident >> 20);
    }

    const Options& options_;
    Origin origin_;
    std::unique_ptr<Scene> scene_;
    const Clock::time_point end_;
};

}  // namespace

Outcome besiege(const Options& options)
{
    Outcome outcome;
    try {
        Siege(options).run(outcome);
    } catch (const Interrupted&) {
        outcome.interrupted = true;
    }
    return outcome;
}

}  // namespace galaxy::siege

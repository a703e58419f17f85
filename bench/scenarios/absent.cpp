// SPDX-License-Identifier: BSL-1.0
//
// Keys that the backend does not have, beside keys that it has; none was asked for before.

#include "scenarios/drive.hpp"
#include "scenarios/scenario.hpp"
#include "support/contest.hpp"
#include "support/node.hpp"

#include <boost/system/system_error.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {
namespace {

constexpr std::size_t burst = 64;

enum class Has { nothing, everything };

galaxy::Backend backend_that(Has has, std::size_t value_size)
{
    if (has == Has::everything) return ready_backend(value_size);
    return [](std::string_view) -> asio::awaitable<galaxy::Loaded> {
        co_return galaxy::Loaded::not_found();
    };
}

[[noreturn]] void unexpected()
{
    throw std::runtime_error("the backend's answer is not what came back");
}

class AbsenceAsker {
public:
    AbsenceAsker(const Options& options, Has has)
        : has_(has),
          key_(options.key_size, '\0'),
          node_(backend_that(has, options.value_size), galaxy_options(options))
    {
    }

    asio::io_context& io() noexcept { return node_.io(); }

    asio::awaitable<void> by_try_get(Place place)
    {
        do {
            for (std::size_t i = 0; i != burst; ++i) {
                next_key();
                const galaxy::Result<galaxy::Value> result = co_await node_.galaxy().try_get(key_);
                if (result.has_value() != (has_ == Has::everything)) unexpected();
            }
        } while (place.lap.goes_on(burst));
    }

    asio::awaitable<void> by_get(Place place)
    {
        do {
            for (std::size_t i = 0; i != burst; ++i) {
                next_key();
                bool found = true;
                try {
                    const galaxy::Value value = co_await node_.galaxy().get(key_);
                } catch (const boost::system::system_error&) {
                    found = false;
                }
                if (found != (has_ == Has::everything)) unexpected();
            }
        } while (place.lap.goes_on(burst));
    }

private:
    static galaxy::GalaxyOptions galaxy_options(const Options& options)
    {
        galaxy::GalaxyOptions made;
        const std::size_t one = options.key_size + options.value_size + 64;
        made.capacity = std::max<std::size_t>(options.residents[0], 16) * one;
        return made;
    }

    void next_key() { write_key(next_++, key_.data(), key_.size()); }

    const Has has_;
    std::string key_;
    std::uint64_t next_ = 0;
    Node node_;
};

using Way = asio::awaitable<void> (AbsenceAsker::*)(Place);

void enter(Contest& contest, std::string name, const Options& options, Has has, Way way)
{
    auto asker = std::make_shared<AbsenceAsker>(options, has);
    contest.add(std::move(name), {{"threads", 1}}, [asker, way, &options](Histogram& latencies) {
        return run_workers(asker->io(), 1, 1, options.seconds, latencies,
                           [&](Place place) { return ((*asker).*way)(place); });
    });
}

void run_absent(const Options& options, Report& report)
{
    Contest contest(options);
    enter(contest, "galaxy try_get absent", options, Has::nothing, &AbsenceAsker::by_try_get);
    enter(contest, "galaxy try_get present", options, Has::everything, &AbsenceAsker::by_try_get);
    enter(contest, "galaxy get absent", options, Has::nothing, &AbsenceAsker::by_get);
    enter(contest, "galaxy get present", options, Has::everything, &AbsenceAsker::by_get);
    contest.compare("galaxy try_get absent", "galaxy try_get present");
    contest.compare("galaxy get absent", "galaxy get present");
    contest.compare("galaxy get absent", "galaxy try_get absent");
    contest.run();
    report.add(contest.table(
        "new keys that the backend has or has not, 1 caller, 1 thread, room for about "
        + short_count(options.residents[0]) + " entries"));
}

}  // namespace

Scenario absent_scenario()
{
    return {"absent",
            "keys that the backend does not have",
            {"--residents", "--key-size", "--value-size", "--rounds", "--seconds", "--only"},
            {},
            run_absent};
}

}  // namespace bench

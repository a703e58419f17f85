// SPDX-License-Identifier: BSL-1.0
#include <galaxy/promoter.hpp>

#include "peers/candidates.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using galaxy::PromotionStats;

bool asks(galaxy::Promoter& promoter, const PromotionStats& stats)
{
    return promoter.should_promote("k", galaxy::Value(), stats);
}

}  // namespace

TEST_CASE("promoters: by_rate takes whatever is hotter than the coldest copy")
{
    const auto promoter = galaxy::by_rate();
    CHECK(asks(*promoter, {.fetches = 2, .rate = 0.001}));
    CHECK(asks(*promoter, {.fetches = 2, .rate = 5, .coldest_rate = 4.9}));
    CHECK_FALSE(asks(*promoter, {.fetches = 2, .rate = 5, .coldest_rate = 5.1}));
    CHECK_FALSE(asks(*promoter, {.fetches = 1'000'000, .rate = 5, .coldest_rate = 5}));
}

TEST_CASE("promoters: by_rate never takes a key at first sight, nor one whose rate is not known")
{
    const auto promoter = galaxy::by_rate();
    // However many waited for the first fetch: a herd is a moment, not a habit.
    CHECK_FALSE(asks(*promoter, {.fetches = 1, .hits = 2000, .rate = 1e9}));
    CHECK_FALSE(asks(*promoter, {.fetches = 50, .rate = 0}));  // candidates = 0
}

TEST_CASE("promoters: a scan of keys asked once makes no hot copy, the second time round does")
{
    using namespace std::chrono_literals;
    galaxy::Candidates candidates(1024, 60s);
    const auto promoter = galaxy::by_rate();
    galaxy::TimePoint now{1h};
    const auto fetch = [&](const std::string& key) {
        const galaxy::Seen seen = candidates.touch(key, 1, now += 10us);
        return asks(*promoter, {.fetches = seen.touches, .rate = seen.rate});
    };
    int promoted = 0;
    for (int i = 0; i != 100'000; ++i) promoted += fetch(std::to_string(i));
    CHECK(promoted == 0);
    CHECK(fetch("99999"));
}

TEST_CASE("promoters: previously_seen takes the second sighting")
{
    const auto promoter = galaxy::previously_seen();
    CHECK_FALSE(asks(*promoter, {.fetches = 1, .rate = 1e9}));
    CHECK(asks(*promoter, {.fetches = 2, .rate = 0, .coldest_rate = 1e9}));
}

TEST_CASE("promoters: probabilistic takes one in n")
{
    const auto count = [](galaxy::Promoter& promoter) {
        int taken = 0;
        for (int i = 0; i != 100'000; ++i) taken += asks(promoter, {});
        return taken;
    };
    CHECK(count(*galaxy::probabilistic(1)) == 100'000);
    const int tenth = count(*galaxy::probabilistic(10, 7));
    CHECK(tenth > 9'500);
    CHECK(tenth < 10'500);
    CHECK_THROWS_AS(galaxy::probabilistic(0), std::invalid_argument);
}

TEST_CASE("promoters: probabilistic repeats itself for a seed, and only then")
{
    const auto draws = [](const std::shared_ptr<galaxy::Promoter>& promoter) {
        std::vector<bool> taken;
        for (int i = 0; i != 200; ++i) taken.push_back(asks(*promoter, {}));
        return taken;
    };
    CHECK(draws(galaxy::probabilistic(2, 7)) == draws(galaxy::probabilistic(2, 7)));
    CHECK(draws(galaxy::probabilistic(2, 7)) != draws(galaxy::probabilistic(2, 8)));
    CHECK(draws(galaxy::probabilistic(2)) != draws(galaxy::probabilistic(2)));
}

TEST_CASE("promoters: promote_if asks the function with everything that is known")
{
    const auto promoter = galaxy::promote_if(
        [](std::string_view key, const galaxy::Value& value, const PromotionStats& stats) {
            return key == "k" && value.empty() && stats.hits == 3;
        });
    CHECK(asks(*promoter, {.hits = 3}));
    CHECK_FALSE(asks(*promoter, {.hits = 4}));
    CHECK_THROWS_AS(galaxy::promote_if(nullptr), std::invalid_argument);
}

// SPDX-License-Identifier: BSL-1.0
//
// Cancelling, closing and draining, of which any one allocation fails: whoever waits hears of an
// end, once; where what begins it throws, it is begun again.
#include <galaxy/testing/cluster.hpp>

#include "starved/famine.hpp"
#include "support/ask.hpp"

#include <boost/asio/error.hpp>
#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using galaxy::errc;
using galaxy::test::ask;
using galaxy::test::ask_many;
using galaxy::test::AskedManyPtr;
using galaxy::test::AskedPtr;
using galaxy::test::Exempt;
using galaxy::test::Famine;
using galaxy::test::poll_all;
using galaxy::test::starve;
using galaxy::test::starves;
using galaxy::testing::Cluster;
using galaxy::testing::ClusterOptions;

namespace {

struct Waiting {
    explicit Waiting(const ClusterOptions& options) : cluster(options)
    {
        cluster.backend().hold();
        for (const char* key : {"k", "k", "l"}) asked.push_back(ask(cluster.galaxy(0), key));
        const std::vector<std::string> keys = {"k", "m", "n"};
        many = ask_many(cluster.galaxy(0), keys);
        cluster.settle();
    }

    /// Until it has been begun: at once, or once there is memory again.
    template <class F>
    void insist(F f)
    {
        if (!starves(f)) return;
        const Exempt exempt;
        f();
    }

    Cluster cluster;
    std::vector<AskedPtr> asked;
    AskedManyPtr many;
};

/// Every allocation of `act(waiting)` fails in its turn, while gets wait for loads.
template <class Act>
void starve_ends(ClusterOptions options, Act act)
{
    options.nodes = 1;
    starve([&](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        Waiting waiting(options);
        exempt.reset();
        bool struck = false;
        {
            const Famine famine = Famine::of_the(n);
            act(waiting);
            poll_all(waiting.cluster.context());
            struck = famine.struck() != 0;
        }
        waiting.cluster.backend().release();
        waiting.cluster.advance(120s);
        for (const AskedPtr& one : waiting.asked) CHECK(one->completions == 1);
        CHECK(waiting.many->completions == 1);
        CHECK(waiting.cluster.context().stopped());
        CHECK(waiting.cluster.backend().running() == 0);
        CHECK(waiting.cluster.faults() == "");
        return struck;
    });
}

}  // namespace

TEST_CASE("any allocation of a cancellation may fail")
{
    for (const bool abandoned : {false, true}) {
        CAPTURE(abandoned);
        starve_ends({.galaxy = {.cancel_abandoned = abandoned}}, [](Waiting& waiting) {
            starves([&] { waiting.asked[0]->cancel(); });
            starves([&] { waiting.asked[2]->cancel(); });
            starves([&] { waiting.many->signal.emit(asio::cancellation_type::terminal); });
        });
    }
}

TEST_CASE("any allocation of a universe's close may fail")
{
    starve_ends(
        {}, [](Waiting& waiting) { waiting.insist([&] { waiting.cluster.universe(0).close(); }); });
}

TEST_CASE("any allocation of a universe's drain and close in good order may fail")
{
    starve_ends({}, [](Waiting& waiting) {
        waiting.insist([&] { waiting.cluster.universe(0).drain(); });
        int told = 0;
        waiting.insist([&] {
            waiting.cluster.universe(0).async_close([&](boost::system::error_code) { ++told; });
        });
        poll_all(waiting.cluster.context());
        const Exempt exempt;
        waiting.cluster.backend().release();
        waiting.cluster.advance(120s);
        CHECK(told == 1);
    });
}

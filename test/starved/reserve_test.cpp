// SPDX-License-Identifier: BSL-1.0
//
// What is left where even the reserve for posts is used up: strands and galaxies go on, once there
// is memory again.
#include "runtime/reserve.hpp"

#include "runtime/strand.hpp"
#include "starved/famine.hpp"
#include "support/ask.hpp"

#include <galaxy/testing/cluster.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using galaxy::Strand;
using galaxy::test::Asked;
using galaxy::test::AskedPtr;
using galaxy::test::Exempt;
using galaxy::test::Famine;
using galaxy::test::poll_all;
using galaxy::test::starve;
using galaxy::test::starves;
using galaxy::testing::Cluster;

namespace {

/// Holds all that is left for posts, this thread's recycled blocks included, but for `spared`
/// blocks.
class UsedUp {
public:
    explicit UsedUp(int spared = 0)
    {
        const Famine famine = Famine::from(0);
        for (std::size_t size = largest; size != 0; size -= step) {
            while (!starves([&] { hold(galaxy::take_reserved(size), size); })) {}
        }
        for (; spared != 0; --spared) give_one_back();
    }
    ~UsedUp()
    {
        while (held_) give_one_back();
    }
    UsedUp(const UsedUp&) = delete;
    UsedUp& operator=(const UsedUp&) = delete;

private:
    static constexpr std::size_t largest = 1024;
    static constexpr std::size_t step = 64;

    struct Held {
        Held* next;
        std::size_t size;
    };

    void hold(void* block, std::size_t size) noexcept { held_ = ::new (block) Held{held_, size}; }

    void give_one_back() noexcept
    {
        Held* const one = held_;
        held_ = one->next;
        galaxy::give_reserved(one, one->size);
    }

    Held* held_ = nullptr;
};

/// On a thread of its own, which has nothing that lies ready.
template <class F>
void elsewhere(F f)
{
    std::thread(f).join();
}

}  // namespace

TEST_CASE("a turn of a strand needs no memory to begin")
{
    elsewhere([] {
        asio::io_context io;
        Strand strand(io.get_executor());
        bool ran = false;
        struct Nothing {
            UsedUp used_up{1};  // but enough to queue something
            Famine famine = Famine::from(0);
        };
        std::optional<Nothing> nothing;
        strand.post([&] {
            nothing.emplace();
            strand.post([&ran] { ran = true; });
        });
        io.run();
        nothing.reset();
        CHECK(ran);
    });
}

TEST_CASE("a post that a strand has no memory for is the only one that is lost")
{
    elsewhere([] {
        asio::io_context io;
        Strand strand(io.get_executor());
        int ran = 0;
        bool starved = false;
        strand.post([&] { ++ran; });
        {
            const UsedUp used_up;
            const Famine famine = Famine::from(0);
            starved = starves([&] { strand.post([&ran] { ran += 100; }); });
            io.run();
        }
        CHECK(starved);
        CHECK(ran == 1);
        strand.post([&] { ++ran; });
        io.restart();
        io.run();
        CHECK(ran == 2);
    });
}

TEST_CASE("any allocation of gets may fail while the reserve is used up")
{
    starve([](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        Cluster cluster({.nodes = 1});
        const galaxy::Galaxy& galaxy = cluster.galaxy(0);
        const std::vector<AskedPtr> asked = {std::make_shared<Asked>(), std::make_shared<Asked>(),
                                             std::make_shared<Asked>()};
        exempt.reset();
        std::size_t begun = 0;
        bool struck = false;
        {
            const UsedUp used_up;
            const Famine famine = Famine::of_the(n);
            for (const char* key : {"k", "k", "l"}) {
                const AskedPtr& one = asked[begun];
                if (!starves([&] { galaxy.async_get(key, galaxy::test::completing(one)); }))
                    ++begun;
            }
            poll_all(cluster.context());
            struck = famine.struck() != 0;
        }
        for (const char* key : {"k", "l", "m"}) {
            const galaxy::Result<galaxy::Value> next = cluster.get(0, key);
            REQUIRE(next.has_value());
            CHECK(next->view() == "value of " + std::string(key));
        }
        for (std::size_t i = 0; i != begun; ++i) CHECK(asked[i]->completions <= 1);
        CHECK(cluster.faults() == "");
        return struck;
    });
}

// SPDX-License-Identifier: BSL-1.0

// Pickers of one's own that misbehave.

#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"

#include <catch2/catch_test_macros.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using galaxy::LogField;
using galaxy::LogLevel;
using galaxy::Peer;
using galaxy::PeerPicker;
using galaxy::PickerFactory;
using galaxy::Universe;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::testing::Cluster;

namespace {

using Owners = std::function<std::size_t(std::span<std::size_t>)>;

class Scripted final : public PeerPicker {
public:
    explicit Scripted(Owners owners) : owners_(std::move(owners)) {}
    std::size_t owners(std::string_view, std::span<std::size_t> ranks) const override
    {
        return owners_(ranks);
    }

private:
    const Owners owners_;
};

/// Makes good pickers until the ids are as many as `from`.
PickerFactory failing(std::size_t from, std::function<std::shared_ptr<PeerPicker>()> make)
{
    PickerFactory picker = galaxy::rendezvous();
    picker.make =
        [=, good = picker.make](std::vector<std::string> ids) -> std::shared_ptr<const PeerPicker> {
        if (ids.size() < from) return good(std::move(ids));
        return make();
    };
    return picker;
}

PickerFactory picking(Owners owners)
{
    return failing(2, [owners] { return std::make_shared<Scripted>(owners); });
}

}  // namespace

TEST_CASE("a membership for which no picker is made is refused, and the old one kept")
{
    boost::asio::io_context io;
    galaxy::testing::Network network;
    galaxy::UniverseOptions options;
    options.self = "a";
    options.fetch_protocol = network.protocol();
    const std::vector<Peer> two = {{"a", "a"}, {"b", "b"}};
    SECTION("it is null")
    {
        options.picker = failing(2, [] { return nullptr; });
        Universe universe(io.get_executor(), options);
        universe.set_peers({{"a", "a"}});
        CHECK_THROWS_AS(universe.set_peers(two), std::invalid_argument);
        CHECK_THROWS_AS(universe.add_peer({"b", "b"}), std::invalid_argument);
        CHECK(universe.peers().size() == 1);
        CHECK(universe.owners("k") == std::vector<std::string>{"a"});
    }
    SECTION("it throws")
    {
        options.picker = failing(
            2, []() -> std::shared_ptr<PeerPicker> { throw std::runtime_error("no picker"); });
        Universe universe(io.get_executor(), options);
        universe.set_peers({{"a", "a"}});
        CHECK_THROWS_AS(universe.set_peers(two), std::runtime_error);
        CHECK(universe.peers().size() == 1);
    }
    SECTION("there is none for the first")
    {
        options.picker = failing(1, [] { return nullptr; });
        CHECK_THROWS_AS(Universe(io.get_executor(), options), std::invalid_argument);
    }
}

TEST_CASE("a picker that fails for a key knows nobody for it, and the log says so")
{
    galaxy::testing::ClusterOptions options;
    options.nodes = 2;
    std::string why;
    SECTION("it throws")
    {
        options.universe.picker = picking(
            [](std::span<std::size_t>) -> std::size_t { throw std::runtime_error("no idea"); });
        why = "no idea";
    }
    SECTION("it throws what says nothing")
    {
        struct Mute final : std::exception {
            const char* what() const noexcept override { return nullptr; }
        };
        options.universe.picker =
            picking([](std::span<std::size_t>) -> std::size_t { throw Mute(); });
        why = "";
    }
    SECTION("it throws something else")
    {
        options.universe.picker = picking([](std::span<std::size_t>) -> std::size_t { throw 42; });
        why = "it threw something that is no std::exception";
    }
    SECTION("it names who is not there")
    {
        options.universe.picker = picking([](std::span<std::size_t> ranks) {
            for (std::size_t& rank : ranks) rank = 2;
            return ranks.size();
        });
        why = "it names what is no peer";
    }
    SECTION("it names more than were asked for")
    {
        options.universe.picker = picking([](std::span<std::size_t> ranks) {
            for (std::size_t& rank : ranks) rank = 0;
            return ranks.size() + 1;
        });
        why = "it names what is no peer";
    }
    std::vector<std::string> said;
    options.universe.log = [&](LogLevel level, std::string_view, std::span<const LogField> fields) {
        if (level != LogLevel::error) return;
        for (const LogField& field : fields) {
            if (field.name == "what") said.emplace_back(field.value);
        }
    };
    Cluster cluster(options);
    AskedPtr here = ask(cluster.galaxy(0), "k");
    AskedPtr peer = ask(cluster.universe(0).responder(), "l");
    cluster.settle();
    CHECK(here->ok());
    CHECK(peer->ok());
    CHECK(cluster.universe(0).owners("k", 2).empty());
    CHECK(cluster.network().total_fetches() == 0);
    REQUIRE_FALSE(said.empty());
    CHECK(said.front() == why);
    CHECK(cluster.faults() == "");
}

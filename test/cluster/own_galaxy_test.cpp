// SPDX-License-Identifier: BSL-1.0

// Backends that reach the galaxy they load for, and what becomes of what they capture.

#include <galaxy/weak_galaxy.hpp>

#include "support/ask.hpp"

#include <galaxy/testing/backend.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

using galaxy::errc;
using galaxy::Galaxy;
using galaxy::GalaxyOptions;
using galaxy::Loaded;
using galaxy::Universe;
using galaxy::WeakGalaxy;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::testing::ScriptedBackend;
namespace asio = boost::asio;

namespace {

/// A galaxy whose backend captures a handle of it, and something that ends with the capture.
struct Knot {
    void tie(asio::io_context& io, const ScriptedBackend& script, GalaxyOptions options = {})
    {
        universe.emplace(io.get_executor());
        auto token = std::make_shared<int>(0);
        captured = token;
        auto self = std::make_shared<std::optional<Galaxy>>();
        galaxy::Backend load = script.backend();
        *self = universe->create(
            "g", [self, token, load](std::string_view key) { return load(key); },
            std::move(options));
        g = *self;
    }

    std::optional<Universe> universe;
    std::optional<Galaxy> g;
    std::weak_ptr<int> captured;
};

}  // namespace

TEST_CASE("a closed galaxy lets go of its backend, also of one that captured the galaxy")
{
    asio::io_context io;
    ScriptedBackend script;
    Knot knot;
    knot.tie(io, script);
    AskedPtr asked = ask(*knot.g, "k");
    io.run();
    CHECK(asked->ok());
    CHECK_FALSE(knot.captured.expired());
    io.restart();
    SECTION("when its universe is closed")
    {
        knot.universe->close();
    }
    SECTION("when its universe is destroyed")
    {
        knot.universe.reset();
    }
    SECTION("when its handles are gone by then")
    {
        knot.g.reset();
        knot.universe.reset();
    }
    io.run();
    CHECK(knot.captured.expired());
    if (knot.g) CHECK(knot.g->find("k"));
}

TEST_CASE("a closed galaxy keeps its backend until the last load has ended")
{
    asio::io_context io;
    ScriptedBackend script;
    script.hold();
    Knot knot;
    SECTION("on the universe's executor")
    {
        knot.tie(io, script);
    }
    SECTION("on an executor of its own")
    {
        knot.tie(io, script, {.backend_executor = asio::make_strand(io)});
    }
    AskedPtr one = ask(*knot.g, "one"), two = ask(*knot.g, "two");
    io.poll();
    knot.universe->close();
    io.restart();
    io.poll();
    CHECK(one->failed_with(errc::closed));
    script.release_one("one");
    io.restart();
    io.poll();
    CHECK_FALSE(knot.captured.expired());
    script.release();
    io.restart();
    io.run();
    CHECK(script.running() == 0);
    CHECK(knot.captured.expired());
}

TEST_CASE("a galaxy whose context goes lets go of its backend, closed or not")
{
    Knot knot;
    ScriptedBackend script;
    script.hold();
    {
        asio::io_context io;
        knot.tie(io, script);
        AskedPtr one = ask(*knot.g, "one");
        SECTION("a load being under way")
        {
            io.poll();
        }
        SECTION("the get not having reached the strand") {}
        SECTION("closing not having reached the strand")
        {
            knot.universe->close();
        }
    }
    CHECK(knot.captured.expired());
}

TEST_CASE("a backend reaches its own galaxy by a weak handle")
{
    asio::io_context io;
    const auto self = std::make_shared<WeakGalaxy>();
    CHECK_FALSE(self->lock());
    std::optional<Universe> universe(std::in_place, io.get_executor());
    std::optional<Galaxy> g =
        universe->create("g", [self](std::string_view key) -> asio::awaitable<Loaded> {
            if (key == "leaf") co_return Loaded::value("leaf");
            const std::optional<Galaxy> own = self->lock();
            if (!own) co_return Loaded::not_found();
            galaxy::Value leaf = co_await own->get("leaf");
            co_return Loaded::value("above " + std::string(leaf.view()));
        });
    *self = *g;
    AskedPtr asked = ask(*g, "root");
    io.run();
    CHECK(asked->ok());
    CHECK(asked->value.view() == "above leaf");
    REQUIRE(self->lock());
    CHECK(self->lock()->name() == "g");

    g.reset();
    REQUIRE(self->lock());  // the universe has it
    universe.reset();
    io.restart();
    io.run();
    CHECK_FALSE(self->lock());
}

TEST_CASE("a backend says that a value is too large, and peers hear it")
{
    asio::io_context io;
    Universe universe(io.get_executor());
    ScriptedBackend script;
    script.answer(Loaded::too_large());
    const Galaxy g = universe.create("g", script.backend());
    AskedPtr here = ask(g, "k");
    AskedPtr peer = ask(universe.responder(), "k");
    io.run();
    CHECK(here->failed_with(errc::value_too_large));
    CHECK(peer->failed_with(errc::value_too_large));
    CHECK(script.calls() == 1);
    CHECK(g.stats().backend_load_errors == 0);
    CHECK_FALSE(g.find("k"));
}

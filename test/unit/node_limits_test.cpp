// SPDX-License-Identifier: BSL-1.0
#include "node/limits.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <limits>

namespace {

using node::Limits;
using node::limits_for;
using node::Means;
using node::Options;

constexpr std::size_t mebi = std::size_t{1} << 20;

Options before(const std::string& origin)
{
    Options options;
    options.origin = origin;
    return options;
}

const Options http = before("http://127.0.0.1:1/");

Options under_tls()
{
    Options options = http;
    options.tls_certificate = "a file";
    return options;
}

std::size_t needed(const Limits& limits)
{
    return limits.max_connections + limits.spare_descriptors;
}

}  // namespace

TEST_CASE("Where the system sets no limits, a node has the usual ones")
{
    const Limits limits = limits_for({}, http);
    CHECK(limits.max_held == 256 * mebi);
    CHECK(limits.max_connections == 10'000);
    CHECK(limits.max_backend_loads == 1024);
    CHECK(limits.origin_connections == 1024);
    CHECK(limits.peer_connections == 1024);
    CHECK_FALSE(node::share_of({}, limits, 64 * mebi).has_value());
}

TEST_CASE("Connections may make a node hold an eighth of its memory, within bounds")
{
    const auto held = [](std::size_t memory) { return limits_for({memory, {}}, http).max_held; };
    CHECK(held(256 * mebi) == 32 * mebi);
    CHECK(held(1024 * mebi) == 128 * mebi);
    CHECK(held(64'000 * mebi) == 256 * mebi);
    CHECK(held(1) == 8 * mebi);
}

TEST_CASE("What connections need besides is an eighth of the memory, and more under TLS")
{
    const auto most = [](std::size_t memory, const Options& options) {
        const Limits limits = limits_for({memory, {}}, options);
        const std::size_t bytes = limits.max_connections * limits.bytes_a_connection;
        CHECK((limits.max_connections == 64 || bytes <= memory / 8));
        return limits.max_connections;
    };
    CHECK(most(64'000 * mebi, http) == 10'000);
    CHECK(most(64'000 * mebi, under_tls()) == 10'000);
    CHECK(most(64 * mebi, http) > 4 * most(64 * mebi, under_tls()));
    CHECK(most(1024 * mebi, under_tls()) < 10'000);
    CHECK(most(1, http) == 64);
    CHECK(most(1, under_tls()) == 64);
}

TEST_CASE("All that a node opens fits its descriptor limit, and none of it is nothing")
{
    const std::size_t descriptors = GENERATE(1u, 2u, 8u, 20u, 64u, 100u, 200u, 256u, 1000u, 1024u,
                                             4096u, 20'000u, 65'536u, 1'048'576u);
    const std::string origin = GENERATE("http://127.0.0.1:1/", "echo", "sqlite:file");
    const bool has_peers = GENERATE(false, true);
    const std::optional<std::size_t> loads =
        GENERATE(as<std::optional<std::size_t>>(), std::nullopt, 1u, 300u, 1'000'000u);
    CAPTURE(descriptors, origin, has_peers, loads.value_or(0));
    Options options = before(origin);
    options.max_backend_loads = loads;
    if (has_peers) options.peers_file = "a file";
    const Limits limits = limits_for({{}, descriptors}, options);
    CHECK(limits.max_connections >= 1);
    CHECK(limits.max_backend_loads >= 1);
    CHECK(limits.peer_connections >= 1);
    CHECK((limits.origin_connections >= 1) == origin.starts_with("http"));
    CHECK(limits.origin_connections <= limits.max_backend_loads);
    if (descriptors >= 64) CHECK(needed(limits) <= descriptors);
    if (loads) CHECK(limits.max_backend_loads == *loads);
}

TEST_CASE("An origin has a quarter of the descriptors, and clients most of them")
{
    const Limits few = limits_for({{}, 200}, http);
    CHECK(few.origin_connections == 50);
    CHECK(few.max_backend_loads == 50);
    CHECK(few.max_connections == 100);
    const Limits usual = limits_for({{}, 1024}, http);
    CHECK(usual.origin_connections == 256);
    CHECK(usual.max_backend_loads == 256);
    CHECK(usual.max_connections == 704);
    const Limits many = limits_for({{}, 1'048'576}, http);
    CHECK(many.origin_connections == 1024);
    CHECK(many.max_connections == 10'000);
    // An origin without connections takes none, and none of its loads waits for them.
    const Limits echo = limits_for({{}, 1024}, before("echo"));
    CHECK(echo.max_backend_loads == 1024);
    CHECK(echo.max_connections == 960);
}

TEST_CASE("What the command line tells wins, as far as descriptors allow")
{
    Options options = under_tls();
    options.max_held = 7;
    options.max_connections = 500;
    options.max_backend_loads = 2000;
    const Limits little_memory = limits_for({8 * mebi, {}}, options);
    CHECK(little_memory.max_held == 7);
    CHECK(little_memory.max_connections == 500);
    CHECK(little_memory.max_backend_loads == 2000);
    CHECK(little_memory.origin_connections == 2000);
    const Limits few_descriptors = limits_for({{}, 200}, options);
    CHECK(few_descriptors.max_backend_loads == 2000);
    CHECK(few_descriptors.origin_connections == 100);
    CHECK(few_descriptors.max_connections == 50);
}

TEST_CASE("The share of the memory counts the cache, what is held, and connections")
{
    Options options = http;
    options.max_held = 20 * mebi;
    options.max_connections = 1;
    const Means means{100 * mebi, {}};
    const Limits limits = limits_for(means, options);
    CHECK(node::share_of(means, limits, 30 * mebi) == 50u);
    options.max_connections = 1000;
    CHECK(node::share_of(means, limits_for(means, options), 30 * mebi) > 50u);
    CHECK(node::share_of({0u, {}}, limits, std::numeric_limits<std::size_t>::max()) == 99'999u);
}

// SPDX-License-Identifier: BSL-1.0
#include "integration/node_process.hpp"
#include "integration/origin.hpp"
#include "integration/wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <future>

#include <sqlite3.h>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

TEST_CASE("a node answers /get, /ready and /stats")
{
    NodeProcess node("a", with_time({"--origin", "echo"}));

    SECTION("a value comes from the backend, then from memory")
    {
        const support::Answer first = node.get("x");
        CHECK(first.status == 200);
        CHECK(first.body == "value of x");
        CHECK(first.header("X-Galaxy-From") == "backend");
        CHECK(first.header("X-Galaxy-Owner") == "a");
        const support::Answer second = node.get("x");
        CHECK(second.body == "value of x");
        CHECK(second.header("X-Galaxy-From") == "main");
        CHECK(node.count("backend_loads") == 1);
    }
    SECTION("what cannot be had has its status, and the owner's name")
    {
        struct Case {
            std::string target;
            unsigned status;
        };
        for (const Case& one :
             {Case{"/get/g/missing", 404}, Case{"/get/nosuch/x", 404}, Case{"/get/g/fail", 502},
              Case{"/get/g/" + std::string(40'000, 'k'), 414}}) {
            CAPTURE(one.target.substr(0, 40));
            const support::Answer answer = node.fetch(one.target);
            CHECK(answer.status == one.status);
            CHECK(answer.header("X-Galaxy-Owner") == "a");
            CHECK(answer.header("X-Galaxy-From").empty());
        }
    }
    SECTION("every byte string is a key")
    {
        const std::string all_bytes = [] {
            std::string bytes;
            for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
            return bytes;
        }();
        for (const std::string& key :
             {std::string(), std::string("."), std::string(".."), std::string("/a"),
              std::string("a//b"), std::string("%2F"), std::string("a b"), std::string("a+b"),
              std::string("a?b#c"), std::string("line\nbreak"), std::string("nul\0", 4), all_bytes,
              std::string(10'000, 'k')}) {
            CAPTURE(key);
            const support::Answer answer = node.get(key);
            CHECK(answer.status == 200);
            CHECK(answer.body == "value of " + key);
        }
    }
    SECTION("a key may hold raw slashes, and the query is not part of it")
    {
        CHECK(node.fetch("/get/g/a/b//c").body == "value of a/b//c");
        CHECK(node.fetch("/get/g/a+b?x=1").body == "value of a+b");
        CHECK(node.fetch("/get/%67/x").body == "value of x");
    }
    SECTION("what is not a request of ours")
    {
        CHECK(node.fetch("/get/g").status == 400);
        CHECK(node.fetch("/get/g/%zz").status == 400);
        CHECK(node.fetch("/get/g/%4").status == 400);
        CHECK(node.fetch("/").status == 404);
        CHECK(node.fetch("/getg/x").status == 404);
        CHECK(node.fetch("/ready/x").status == 404);
        CHECK(raw_status(node.port(), "POST /get/g/x HTTP/1.1\r\nHost: x\r\n"
                                      "Content-Length: 0\r\n\r\n")
              == 405);
        CHECK(raw_status(node.port(), "garbage\r\n\r\n") == 400);
        CHECK(node.get("x").status == 200);
    }
    SECTION("a target may name scheme and host")
    {
        const auto ask = [&node](std::string_view target) {
            const Wire wire = Wire::to(node.port());
            wire.send("GET " + std::string(target)
                      + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            return wire.receive_all();
        };
        const std::string found = ask("http://x:80/get/g/a//b?c=http://y/z");
        CHECK(found.starts_with("HTTP/1.1 200"));
        CHECK(found.ends_with("\r\n\r\nvalue of a//b"));
        CHECK(ask("HTTPS://x/ready").starts_with("HTTP/1.1 200"));
        CHECK(ask("http://x/stats?y").starts_with("HTTP/1.1 200"));
        CHECK(ask("http://x/get/g").starts_with("HTTP/1.1 400"));
        CHECK(ask("http://x").starts_with("HTTP/1.1 404"));
        CHECK(ask("http://ready").starts_with("HTTP/1.1 404"));
    }
    SECTION("HEAD has no body")
    {
        const Wire wire = Wire::to(node.port());
        wire.send("HEAD /get/g/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        const std::string answer = wire.receive_all();
        CHECK(answer.starts_with("HTTP/1.1 200"));
        CHECK(answer.ends_with("\r\n\r\n"));
    }
    SECTION("ready and statistics")
    {
        CHECK(node.fetch("/ready").status == 200);
        const boost::json::object stats = node.stats();
        CHECK(stats.at("universe") == "default");
        CHECK(stats.at("id") == "a");
        CHECK(stats.at("galaxies").as_object().contains("g"));
        CHECK(stats.at("peers").as_object().empty());
    }
    SECTION("the peer protocol on the same port")
    {
        const support::Answer found = node.fetch("/_galaxycache/g/x");
        CHECK(found.status == 200);
        CHECK(found.body == "value of x");
        CHECK(found.header("X-Galaxycache-Galaxy-Status") == "Found");
        CHECK(node.fetch("/_galaxycache/g/missing").status == 404);
        CHECK(node.fetch("/_galaxycache/g/fail").status == 500);
    }
}

/// A file with the table that the default query expects.
void write_database(const std::filesystem::path& file)
{
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
    const char* const sql = "create table origin (key text primary key, value);"
                            "insert into origin values ('one', 'eins'), ('blob', x'00ff00'),"
                            " ('empty', ''), ('null', null), ('', 'of the empty key');";
    REQUIRE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
}

TEST_CASE("a node serves a SQLite file")
{
    const support::TemporaryFolder folder("test");
    const std::filesystem::path file = folder / "origin.sqlite";
    write_database(file);
    const std::string origin = "sqlite:" + file.string();

    SECTION("by the default query")
    {
        NodeProcess node("a", with_time({"--origin", origin, "--threads", "2"}));
        CHECK(node.get("one").body == "eins");
        CHECK(node.get("blob").body == std::string("\0\xff\0", 3));
        CHECK(node.get("empty").status == 200);
        CHECK(node.get("empty").body.empty());
        CHECK(node.get("").body == "of the empty key");
        CHECK(node.get("null").status == 404);
        CHECK(node.get("two").status == 404);
    }
    SECTION("by a query of one's own")
    {
        const std::string query = "select upper(value) from origin where key = lower(?1)";
        NodeProcess node("a", with_time({"--origin", origin, "--query", query}));
        CHECK(node.get("ONE").body == "EINS");
    }
}

TEST_CASE("a node serves what another server has")
{
    OriginServer origin;

    SECTION("200 is the value, 404 is none, anything else a failure")
    {
        NodeProcess node("a", with_time({"--origin", origin.url()}));
        origin.set_status("gone", 404);
        origin.set_status("moved", 301);
        origin.set_status("broken", 500);
        origin.set_body("big", std::string(3 << 20, 'b'));
        CHECK(node.get("k").body == "value of k");
        CHECK(node.get("a/b c%").body == "value of a/b c%");
        CHECK(node.get("..a").body == "value of ..a");
        CHECK(node.get("big").body.size() == 3 << 20);
        CHECK(node.get("gone").status == 404);
        CHECK(node.get("moved").status == 502);
        CHECK(node.get("broken").status == 502);
    }
    SECTION("max-age is the lifetime")
    {
        NodeProcess node("a", with_time({"--origin", origin.url()}));
        origin.set_cache_control("public, max-age=1");
        // It may be over before it is asked for again.
        std::string key;
        REQUIRE(eventually([&] {
            key += 'k';
            node.get(key);
            return node.get(key).header("X-Galaxy-From") == "main";
        }));
        CHECK(eventually([&] { return node.get(key).header("X-Galaxy-From") == "backend"; }));
        CHECK(origin.loads(key) == 2);
    }
    SECTION("what must not be kept is not")
    {
        NodeProcess node("a", with_time({"--origin", origin.url()}));
        for (const char* said : {"no-store", "max-age=0"}) {
            origin.set_cache_control(said);
            origin.forget_loads();
            node.get("k");
            CHECK(node.get("k").header("X-Galaxy-From") == "backend");
            CHECK(origin.loads("k") == 2);
        }
    }
    SECTION("out of time, whichever clock ran out")
    {
        origin.set_delay(10min);
        NodeProcess by_get("a", {"--origin", origin.url(), "--get-timeout", "100ms"});
        CHECK(by_get.get("k").status == 504);
        NodeProcess by_load("a", {"--origin", origin.url(), "--backend-timeout", "100ms"});
        CHECK(by_load.get("k").status == 504);
    }
    SECTION("an origin that is not there is a failure, and its return is noticed")
    {
        std::string url;
        {
            const OriginServer gone;
            url = gone.url();
        }
        NodeProcess node("a", with_time({"--origin", url}));
        CHECK(node.get("k").status == 502);
        CHECK(node.get("k").status == 502);
    }
    SECTION("a load queued for too long is out of time")
    {
        origin.set_delay(10min);
        NodeProcess node(
            "a", {"--origin", origin.url(), "--max-backend-loads", "1", "--get-timeout", "300ms"});
        auto first = std::async(std::launch::async, [&] { return node.get("1").status; });
        CHECK(node.get("2").status == 504);
        CHECK(first.get() == 504);
        CHECK(origin.loads() <= 2);
    }
}

TEST_CASE("a client that hangs up leaves its get")
{
    OriginServer origin;
    origin.hold("k");
    NodeProcess node("a", with_time({"--origin", origin.url()}));
    {
        const Wire polite = Wire::to(node.port());
        polite.send("GET /get/g/k HTTP/1.1\r\nHost: x\r\n\r\n");
        Wire rude = Wire::to(node.port());
        rude.send("GET /get/g/k HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(eventually([&] { return node.count("waiters_now") == 2; }));
        rude.reset();
    }
    CHECK(eventually([&] { return node.count("cancelled") == 2; }));
    // The load goes on without them.
    origin.release("k");
    CHECK(eventually([&] { return node.count("entries_main") == 1; }));
    CHECK(node.get("k").header("X-Galaxy-From") == "main");
    CHECK(origin.loads() == 1);
}

}  // namespace
}  // namespace galaxy::test

// SPDX-License-Identifier: BSL-1.0
#include "integration/node_process.hpp"
#include "integration/origin.hpp"
#include "integration/wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// galaxy-node before an origin whose every byte a test writes.
namespace galaxy::test {
namespace {

std::string target_of(const std::string& request)
{
    const std::size_t begin = request.find(' ') + 1;
    return request.substr(begin, request.find(' ', begin) - begin);
}

std::string value(const std::string& target, std::string_view fields = {})
{
    const std::string body = "value of " + target;
    return "HTTP/1.1 200 OK\r\n" + std::string(fields)
           + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Answers each request with what `say` makes of its target, until the connection ends.
template <class Say>
ScriptedPeer::Script answering(Say say)
{
    return [say](Wire& wire, std::size_t connection) {
        for (std::string request = wire.receive_until("\r\n\r\n"); !request.empty();
             request = wire.receive_until("\r\n\r\n")) {
            if (!wire.send(say(target_of(request), connection))) return;
        }
    };
}

std::string url(const ScriptedPeer& origin, std::string_view path = "/o/")
{
    return "http://" + origin.uri() + std::string(path);
}

TEST_CASE("an interim answer of an origin is not the answer")
{
    const ScriptedPeer origin(answering([](const std::string& target, std::size_t) {
        return "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
               "HTTP/1.1 102 Processing\r\n\r\n"
               + value(target);
    }));
    NodeProcess node("a", with_time({"--origin", url(origin)}));
    for (const std::string key : {"1", "2", "3"}) CHECK(node.get(key).body == "value of /o/" + key);
    CHECK(origin.connections() == 1);
}

TEST_CASE("what nobody asked an origin for answers no other key")
{
    SECTION("behind an answer")
    {
        const ScriptedPeer origin(answering([](const std::string& target, std::size_t) {
            return value(target) + value("nobody");
        }));
        NodeProcess node("a", with_time({"--origin", url(origin)}));
        for (const std::string key : {"1", "2", "3"})
            CHECK(node.get(key).body == "value of /o/" + key);
    }
    SECTION("behind an answer without a body")
    {
        const ScriptedPeer origin(answering([](const std::string& target, std::size_t) {
            if (target == "/o/2") return value(target);
            return "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n" + value("nobody");
        }));
        NodeProcess node("a", with_time({"--origin", url(origin)}));
        CHECK(node.get("1").status == 502);
        CHECK(node.get("2").body == "value of /o/2");
    }
    SECTION("the body of an answer that has none, when it is too late")
    {
        // It comes while the next request is on its way, or is what that is answered.
        const ScriptedPeer origin([&](Wire& wire, std::size_t connection) {
            if (connection > 0)
                return answering([](const std::string& target, std::size_t) {
                    return value(target);
                })(wire, connection);
            const std::string late = value("nobody");
            wire.receive_until("\r\n\r\n");
            wire.send("HTTP/1.1 304 Not Modified\r\nContent-Length: " + std::to_string(late.size())
                      + "\r\n\r\n");
            if (!wire.receive_until("\r\n\r\n").empty()) wire.send(late);
        });
        NodeProcess node("a", with_time({"--origin", url(origin)}));
        CHECK(node.get("1").status == 502);
        CHECK(node.get("2").body == "value of /o/2");
    }
    SECTION("while the connection is idle")
    {
        std::atomic<bool> first_is_read = false;
        std::atomic<bool> said = false;
        const ScriptedPeer origin([&](Wire& wire, std::size_t connection) {
            std::string request = wire.receive_until("\r\n\r\n");
            while (!request.empty()) {
                if (!wire.send(value(target_of(request)))) return;
                if (connection == 0) {
                    (void)eventually([&] { return first_is_read.load(); });
                    wire.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n"
                              "Connection: close\r\n\r\n");
                    said = true;
                }
                request = wire.receive_until("\r\n\r\n");
            }
        });
        NodeProcess node("a", with_time({"--origin", url(origin)}));
        CHECK(node.get("1").body == "value of /o/1");
        first_is_read = true;
        REQUIRE(eventually([&] { return said.load(); }));
        CHECK(node.get("2").body == "value of /o/2");
        CHECK(node.get("3").body == "value of /o/3");
        CHECK(origin.connections() == 2);
    }
    SECTION("a farewell to an idle connection that crosses a request")
    {
        // Said only when the request has come, it is what the node takes for the answer.
        std::atomic<std::size_t> requests = 0;
        const ScriptedPeer origin(answering([&](const std::string& target, std::size_t) {
            return ++requests == 2 ? "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
                                   : value(target);
        }));
        NodeProcess node("a", with_time({"--origin", url(origin)}));
        CHECK(node.get("1").body == "value of /o/1");
        CHECK(node.get("2").body == "value of /o/2");
        CHECK(requests == 3);
        CHECK(origin.connections() == 2);
    }
}

TEST_CASE("an answer of an origin that has to be guessed is a failure")
{
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const std::string chunks = "\r\n3\r\nabc\r\n0\r\n\r\n";
    const std::vector<std::string> answers = {
        ok + "\r\nuntil the end",
        "HTTP/1.0 200 OK\r\n\r\nuntil the end",
        ok + "Transfer-Encoding: gzip, chunked\r\n" + chunks,
        ok + "Transfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n" + chunks,
        ok + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n" + chunks,
        ok + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        ok + "Content-Length: 3, 3\r\n\r\nabc",
        ok + "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        ok + "Content-Encoding: identity\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
        ok + "Content-Length: 5\r\n\r\nabc",
        ok + "Content-Length:\r\n 3\r\n\r\nabc",
        ok + "Cache-Control: public,\r\n no-store\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + value("nobody"),
        "HTTP/1.1 203 Changed\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-2/9\r\nContent-Length: "
        "3\r\n\r\nabc",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
    };
    const ScriptedPeer origin([&](Wire& wire, std::size_t) {
        const std::string target = target_of(wire.receive_until("\r\n\r\n"));
        if (target.size() > 3) wire.send(answers.at(std::stoul(target.substr(3))));
    });
    NodeProcess node("a", with_time({"--origin", url(origin)}));
    for (std::size_t i = 0; i != answers.size(); ++i) {
        CAPTURE(answers[i]);
        CHECK(node.get(std::to_string(i)).status == 502);
    }
}

TEST_CASE("the outcome of an origin that goes on for ever is known at its head")
{
    const ScriptedPeer origin([](Wire& wire, std::size_t) {
        const bool there = target_of(wire.receive_until("\r\n\r\n")) != "/o/none";
        wire.send(std::string("HTTP/1.1 ") + (there ? "500 Oops" : "404 Not Found")
                  + "\r\nContent-Length: 1000\r\n\r\nwell");
        while (!wire.closed_within(200ms)) wire.send(",");
    });
    NodeProcess node("a", with_time({"--origin", url(origin)}));
    CHECK(node.get("none").status == 404);
    CHECK(node.get("other").status == 502);
}

TEST_CASE("a trailer of an origin's answer is none of its headers")
{
    const ScriptedPeer origin(answering([](const std::string&, std::size_t) {
        return std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                           "Cache-Control: no-store\r\nContent-Encoding: gzip\r\n\r\n");
    }));
    NodeProcess node("a", with_time({"--origin", url(origin)}));
    CHECK(node.get("k").body == "abc");
    CHECK(node.get("k").header("X-Galaxy-From") == "main");
}

TEST_CASE("no key leads out of an origin's path")
{
    std::mutex mutex;
    std::vector<std::string> asked;
    const ScriptedPeer origin([&](Wire& wire, std::size_t) {
        for (std::string request = wire.receive_until("\r\n\r\n"); !request.empty();
             request = wire.receive_until("\r\n\r\n")) {
            {
                const std::lock_guard lock(mutex);
                asked.push_back(target_of(request));
            }
            wire.send(value("it"));
        }
    });
    const auto take_asked = [&] {
        const std::lock_guard lock(mutex);
        return std::exchange(asked, {});
    };
    using Strings = std::vector<std::string>;
    const Strings keys = {"..",    "../secret", "x/../../secret",
                          "..\\x", "%2e%2e/x",  std::string("a\0", 2)};

    SECTION("where the key is a part of it")
    {
        NodeProcess node("a", with_time({"--origin", url(origin, "/o")}));
        for (const std::string& key : keys) {
            CAPTURE(key);
            CHECK(node.get(key).status == 404);
        }
        CHECK(take_asked().empty());
        CHECK(node.get("x/..y").status == 200);
        CHECK(take_asked() == Strings{"/o/x%2F..y"});
    }
    SECTION("where it is a part of the query, none is refused")
    {
        NodeProcess node("a", with_time({"--origin", url(origin, "/o?key=")}));
        for (const std::string& key : keys) CHECK(node.get(key).status == 200);
        CHECK(take_asked()
              == Strings{"/o?key=%2E%2E", "/o?key=..%2Fsecret", "/o?key=x%2F..%2F..%2Fsecret",
                         "/o?key=..%5Cx", "/o?key=%252e%252e%2Fx", "/o?key=a%00"});
    }
}

TEST_CASE("a node asks an origin for no coding, and keeps what it may")
{
    std::atomic<bool> identity = false;
    std::mutex mutex;
    std::string fields;
    const ScriptedPeer origin([&](Wire& wire, std::size_t) {
        for (std::string request = wire.receive_until("\r\n\r\n"); !request.empty();
             request = wire.receive_until("\r\n\r\n")) {
            identity = request.find("\r\nAccept-Encoding: identity\r\n") != request.npos;
            const std::lock_guard lock(mutex);
            wire.send(value(target_of(request), fields));
        }
    });
    NodeProcess node("a", with_time({"--origin", url(origin)}));
    node.get("k");
    CHECK(identity);

    std::size_t number = 0;
    const auto is_kept = [&](std::string said) {
        {
            const std::lock_guard lock(mutex);
            fields = std::move(said);
        }
        const std::string key = "k" + std::to_string(++number);
        node.get(key);
        return node.get(key).header("X-Galaxy-From") == "main";
    };
    CHECK(is_kept("Cache-Control: public\r\n"));
    CHECK(is_kept("Cache-Control: max-age=0\r\nCache-Control: S-MaxAge=600\r\n"));
    CHECK_FALSE(is_kept("Cache-Control: max-age=600\r\nCache-Control: NO-STORE\r\n"));
    CHECK_FALSE(is_kept("cache-control: Private\r\n"));
    CHECK_FALSE(is_kept("Cache-Control: max-age=\"600\"\r\n"));
    CHECK_FALSE(is_kept("Cache-Control: max-age=600\r\nAge: 600\r\n"));
    CHECK_FALSE(is_kept("Expires: 0\r\n"));
    CHECK_FALSE(is_kept("Vary: *\r\n"));
}

TEST_CASE("an origin's value that is too large is that, to peers as well")
{
    const ScriptedPeer origin([](Wire& wire, std::size_t) {
        wire.receive_until("\r\n\r\n");
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
        wire.closed_within(1min);
    });
    NodeProcess node("a", with_time({"--origin", url(origin)}));
    CHECK(node.fetch("/_galaxycache/g/k").status == 413);
    CHECK(node.get("k").status == 502);
}

}  // namespace
}  // namespace galaxy::test

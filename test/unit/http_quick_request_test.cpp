// SPDX-License-Identifier: BSL-1.0
#include "http/quick_request.hpp"

#include "support/quick_check.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <array>
#include <random>
#include <vector>

using galaxy::Verb;
using galaxy::http::Paths;
using galaxy::http::QuickRequest;
using galaxy::http::read_quick;
using galaxy::test::BeastRequest;
using galaxy::test::disagreement;
using namespace std::string_literals;

namespace {

const std::string quick_line = "GET /_galaxycache/g/k HTTP/1.1\r\n";
const std::string host = "Host: x\r\n";

std::string get(std::string_view headers)
{
    return quick_line + host + std::string(headers) + "\r\n";
}

bool is_read(std::string_view bytes)
{
    return read_quick(bytes, {}).has_value();
}

}  // namespace

TEST_CASE("A common request is read as it is meant", "[http][quick]")
{
    const std::string text =
        "GET /_galaxycache/the%20galaxy/a/key%2F HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n"
        "X-Galaxy-Universe: u\r\nx-galaxy-peer:\t b \t\r\nX-Galaxy-Digest: d e\r\n"
        "X-Galaxy-Timeout-Ms: 100\r\ntraceparent: 00-0af7-b7ad-01\r\nUser-Agent: x/1 (y; z)\r\n"
        "Accept:\r\n\r\n";
    for (const std::string& rest : {""s, "GET"s, "\r\n"s, text}) {
        const std::string bytes = text + rest;
        const std::optional<QuickRequest> request = read_quick(bytes, {});
        REQUIRE(request.has_value());
        CHECK(request->method == QuickRequest::Method::get);
        CHECK(request->verb == Verb::fetch);
        CHECK(request->galaxy == "the%20galaxy");
        CHECK(request->key == "a/key%2F");
        CHECK(request->universe == "u");
        CHECK(request->peer == "b");
        CHECK(request->digest == "d e");
        CHECK(request->size == text.size());
        CHECK(disagreement(bytes, {}).empty());
    }
    const std::optional<QuickRequest> peek =
        read_quick("HEAD /_galaxy/peek/g/ HTTP/1.1\r\nHost: x\r\n\r\n",
                   {.fetch = "/_galaxycache/", .peek = "/_galaxy/peek/"});
    REQUIRE(peek.has_value());
    CHECK(peek->method == QuickRequest::Method::head);
    CHECK(peek->verb == Verb::peek);
    CHECK(peek->galaxy == "g");
    CHECK(peek->key.empty());
    CHECK(peek->peer.empty());
}

TEST_CASE("No part of a request is taken for the whole", "[http][quick]")
{
    const std::string text = get("X-Galaxy-Peer: a\r\n");
    for (std::size_t size = 0; size != text.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(is_read(std::string_view(text).substr(0, size)));
    }
    CHECK(is_read(text));
}

TEST_CASE("What is not plain is left to the parser of all of HTTP", "[http][quick]")
{
    REQUIRE(is_read(get("")));
    const std::string start = quick_line.substr(0, quick_line.size() - 2);
    const std::string whole = GENERATE_COPY(values<std::string>({
        // the first line
        "\r\n" + get(""),
        " " + get(""),
        "get /_galaxycache/g/k HTTP/1.1\r\n" + host + "\r\n",
        "POST /_galaxycache/g/k HTTP/1.1\r\n" + host + "\r\n",
        "GET  /_galaxycache/g/k HTTP/1.1\r\n" + host + "\r\n",
        "GET\t/_galaxycache/g/k HTTP/1.1\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k  HTTP/1.1\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k HTTP/1.0\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k HTTP/1.2\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k HTTP/2.0\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k http/1.1\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k HTTP/1.1 \r\n" + host + "\r\n",
        "GET /_galaxycache/g/k\r\n" + host + "\r\n",
        start + "\n" + host + "\r\n",
        start + "\r" + host + "\r\n",
        start + "\r\r\n" + host + "\r\n",
        // the target
        "GET http://x/_galaxycache/g/k HTTP/1.1\r\n" + host + "\r\n",
        "GET * HTTP/1.1\r\n" + host + "\r\n",
        "GET / HTTP/1.1\r\n" + host + "\r\n",
        "GET /_galaxycache/g HTTP/1.1\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k?x HTTP/1.1\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k#x HTTP/1.1\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k\xff HTTP/1.1\r\n" + host + "\r\n",
        "GET /_galaxycache/g/k\0 HTTP/1.1\r\n"s + host + "\r\n",
        "GET /_galaxycache/g/\"k\" HTTP/1.1\r\n" + host + "\r\n",
        // the host
        quick_line + "\r\n",
        quick_line + host + host + "\r\n",
        quick_line + "Host:\r\n\r\n",
        quick_line + "Host: x\r\nhOST: y\r\n\r\n",
        // lines
        quick_line + "Host: x\n\r\n",
        quick_line + "Host: x\r\r\n\r\n",
        quick_line + "Host : x\r\n\r\n",
        quick_line + " Host: x\r\n\r\n",
        quick_line + "Host\r\n\r\n",
        quick_line + host + ": x\r\n\r\n",
        quick_line + host + "\n",
        quick_line + host + "\r\r\n",
        quick_line + host + "\n\r\n",
        get("A: b\r\n c\r\n"),
        get("A: b\r\n\tc\r\n"),
        get("A: b\r\n \r\n"),
        get("A: b\nC: d\r\n"),
        get("A: b\rC: d\r\n"),
        get("A\t: b\r\n"),
        get("A(: b\r\n"),
        get("A: \x01\r\n"),
        get("A: b\0\r\n"s),
        get("A: \x7f\r\n"),
        get("A: \xe4\r\n"),
        get("\xe4: b\r\n"),
        // what says where it ends, and what becomes of the connection
        get("Content-Length: 0\r\n"),
        get("Content-Length: 5\r\n") + "hello",
        get("content-length:5\r\n"),
        get("CONTENT-LENGTH: 0\r\nContent-Length: 5\r\n"),
        get("Transfer-Encoding: chunked\r\n"),
        get("transfer-encoding: identity\r\n"),
        get("Transfer-Encoding:\r\n"),
        get("TE: trailers\r\n"),
        get("Trailer: X\r\n"),
        get("Expect: 100-continue\r\n"),
        get("Upgrade: websocket\r\n"),
        get("Connection: close\r\n"),
        get("connection: keep-alive\r\n"),
        get("Connection:\r\n"),
        get("Proxy-Connection: close\r\n"),
        get("Keep-Alive: timeout=5\r\n"),
        // what is known, twice or not at all
        get("X-Galaxy-Peer: a\r\nX-Galaxy-Peer: a\r\n"),
        get("X-Galaxy-Peer: \r\n"),
        get("X-Galaxy-Universe: a\r\nx-galaxy-universe: b\r\n"),
        get("X-Galaxy-Digest:\t\r\n"),
    }));
    CAPTURE(whole);
    CHECK_FALSE(is_read(whole));
    CHECK_FALSE(is_read(whole + get("")));
}

TEST_CASE("Long requests are left to others", "[http][quick]")
{
    CHECK(is_read(get("A: " + std::string(8000, 'b') + "\r\n")));
    CHECK_FALSE(is_read(get("A: " + std::string(8192, 'b') + "\r\n")));
    std::string many;
    for (int i = 0; i != 60; ++i) many += "A: b\r\n";
    CHECK(is_read(get(many)));
    CHECK_FALSE(is_read(get(many + many)));
}

namespace {

/// Changes requests as somebody would who wants two parsers to disagree.
class Mutator {
public:
    explicit Mutator(std::uint32_t seed) : random_(seed) {}

    std::string mutated()
    {
        std::string text = quick_line + host + pick(lines) + pick(lines) + "\r\n";
        if (below(4) == 0) text += text;
        for (std::size_t times = below(4); times != 0; --times) mutate(text);
        return text;
    }

private:
    std::size_t below(std::size_t limit) { return random_() % limit; }

    template <std::size_t N>
    std::string pick(const std::array<std::string, N>& from)
    {
        return from[below(N)];
    }

    void mutate(std::string& text)
    {
        const std::size_t at = below(text.size() + 1);
        switch (below(5)) {
        case 0: text.insert(at, pick(pieces)); break;
        case 1: text.erase(at, below(4)); break;
        case 2: text.replace(at, 1, pick(pieces)); break;
        case 3: text.insert(at, 1, static_cast<char>(below(256))); break;
        default: text.insert(at, text.substr(below(text.size() + 1), below(40)));
        }
    }

    const std::array<std::string, 14> lines = {"",
                                               "",
                                               "A: b\r\n",
                                               "X-Galaxy-Peer: a\r\n",
                                               "X-Galaxy-Universe: u \r\n",
                                               "X-Galaxy-Digest: \t d\r\n",
                                               "Accept: */*\r\n",
                                               "Content-Length: 3\r\n",
                                               "Transfer-Encoding: chunked\r\n",
                                               "Connection: close\r\n",
                                               "Upgrade: h2c\r\n",
                                               "Expect: 100-continue\r\n",
                                               "A:b\r\n c\r\n",
                                               "A : b\r\n"};
    const std::array<std::string, 18> pieces = {
        "\r",   "\n",   "\r\n",     "\r\n\r\n", " ", "\t",
        ":",    "%",    "%2f",      "/",        "?", std::string(1, '\0'),
        "\x7f", "\xff", "HTTP/1.1", "GET ",     "0", ","};
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("What is read is what the parser of all of HTTP reads", "[http][quick]")
{
    Mutator mutator(20'240'229);
    const Paths paths{.fetch = "/_galaxycache/", .peek = "/_galaxycache/g/"};
    std::size_t read = 0;
    std::size_t left = 0;
    for (int i = 0; i != 110'000; ++i) {
        const std::string text = mutator.mutated();
        const std::string fault = disagreement(text, i % 2 == 0 ? Paths{} : paths);
        if (!fault.empty()) FAIL(fault << ": " << text);
        (is_read(text) ? read : left)++;
    }
    CHECK(read > 10'000);
    CHECK(left > 10'000);
}

// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/server.hpp>

#include "integration/http_scripted.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>
#include <galaxy/http/beast.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch_test_macros.hpp>

#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <optional>
#include <sstream>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

WallTime moment()
{
    return std::chrono::sys_days(std::chrono::year(2030) / 1 / 2) + 3h + 4min + 5s + 678901234ns;
}

std::string bytes_of(std::size_t size)
{
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
    return bytes;
}

/// A gate at which loads wait; opened from any thread.
class Gate {
public:
    explicit Gate(const asio::any_io_executor& executor) : executor_(executor), timer_(executor)
    {
        timer_.expires_at(std::chrono::steady_clock::time_point::max());
    }
    asio::awaitable<void> pass()
    {
        ++waiting;
        boost::system::error_code ignored;
        if (!open_) co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        --waiting;
    }
    void open()
    {
        asio::post(executor_, [this] {
            open_ = true;
            timer_.cancel();
        });
    }
    std::atomic<int> waiting = 0;

private:
    asio::any_io_executor executor_;
    asio::steady_timer timer_;
    bool open_ = false;
};

/// A universe "a" with the galaxy "g" of the vectors, served over HTTP by a thread of its own.
class Node {
public:
    explicit Node(http::ServerOptions options = {}, GalaxyOptions galaxy_options = {},
                  std::string id = "a")
        : gate(io.get_executor()),
          universe(io.get_executor(), {.self = std::move(id), .fetch_protocol = http::protocol()}),
          g(universe.create("g", [this](std::string_view key) { return load(key); }, galaxy_options)),
          server(http::serve(universe, std::move(options))), thread([this] { io.run(); })
    {
    }

    ~Node()
    {
        gate.open();
        server.close();
        universe.close();
        if (thread.joinable()) thread.join();
    }

    asio::awaitable<Loaded> load(std::string_view key)
    {
        ++loads;
        if (key.starts_with("hold")) co_await gate.pass();
        if (key == "missing") co_return Loaded::not_found();
        if (key == "fail") throw std::runtime_error("backend exploded");
        if (key == "fail with a code") {
            throw boost::system::system_error(asio::error::operation_aborted);
        }
        if (key == "ttl") co_return Loaded::until("with ttl", moment());
        if (key == "minute") co_return Loaded::value("a minute", 1min);
        if (key.starts_with("size:")) {
            co_return Loaded::value(bytes_of(std::stoul(std::string(key.substr(5)))));
        }
        co_return Loaded::value("value of " + std::string(key));
    }

    std::uint16_t port() const { return server.port(); }
    std::string uri() const { return "127.0.0.1:" + std::to_string(server.port()); }

    asio::io_context io;
    Gate gate;
    std::atomic<int> loads = 0;
    Universe universe;
    Galaxy g;
    http::Server server;
    std::thread thread;
};

struct Got {
    unsigned status = 0;
    std::string head;
    std::string body;

    std::optional<std::string> header(std::string_view name) const
    {
        std::istringstream lines(head);
        for (std::string line; std::getline(lines, line);) {
            const std::size_t colon = line.find(": ");
            if (colon == std::string::npos) continue;
            if (!boost::beast::iequals({line.data(), colon}, {name.data(), name.size()})) continue;
            return line.substr(colon + 2, line.find('\r') - colon - 2);
        }
        return std::nullopt;
    }
};

Got split(const std::string& raw)
{
    Got got;
    const std::size_t end = raw.find("\r\n\r\n");
    if (end == std::string::npos || !raw.starts_with("HTTP/1.")) return got;
    got.status = static_cast<unsigned>(std::stoul(raw.substr(9, 3)));
    got.head = raw.substr(0, end + 2);
    got.body = raw.substr(end + 4);
    return got;
}

enum class Body { expected, none };

/// Reads one answer, which must have a length.
Got receive(Wire& wire, Body body = Body::expected)
{
    Got got = split(wire.receive_until("\r\n\r\n"));
    if (got.status != 0 && body == Body::expected) {
        got.body = wire.receive_exactly(std::stoul(got.header("Content-Length").value_or("0")));
    }
    return got;
}

std::string get(std::string_view target, std::string_view headers = {})
{
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
}

Got ask(const Node& node, std::string_view request, Body body = Body::expected)
{
    Wire wire = Wire::to(node.port());
    wire.send(request);
    return receive(wire, body);
}

template <class F>
bool eventually(F f, std::chrono::milliseconds limit = 10s)
{
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!f()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::yield();
    }
    return true;
}

/// (`use_future` with `void(error_code)` makes g++ 12 warn under the sanitizers.)
std::future<boost::system::error_code> drain(http::Server& server, Duration grace)
{
    auto ended = std::make_shared<std::promise<boost::system::error_code>>();
    std::future<boost::system::error_code> future = ended->get_future();
    server.async_drain(grace, [ended](boost::system::error_code error) { ended->set_value(error); });
    return future;
}

std::size_t resident_bytes()
{
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("The server answers as the Go server does", "[http][server][vectors]")
{
    const std::filesystem::path path = std::filesystem::path(GALAXY_SHARED_DIR) / "vectors/http.json";
    std::ifstream file(path);
    if (!file) SKIP("no vectors at " << path);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const boost::json::value vectors = boost::json::parse(text);
    Node node;
    std::size_t compared = 0;
    for (const boost::json::value& one : vectors.at("server_responses").as_array()) {
        const std::string request(one.at("RawRequest").as_string());
        const Got theirs = split(std::string(one.at("RawResponse").as_string()));
        Wire wire = Wire::to(node.port());
        wire.send(request);
        const Got ours = split(wire.receive_all());  // they all ask for the connection to be closed
        CAPTURE(request, ours.head, ours.body);
        CHECK(ours.status == theirs.status);
        CHECK(ours.header("X-Galaxycache-Galaxy-Status") == theirs.header("X-Galaxycache-Galaxy-Status"));
        CHECK(ours.header("Expires") == theirs.header("Expires"));
        if (theirs.status == 200) {
            CHECK(ours.header("Content-Type") == theirs.header("Content-Type"));
            CHECK(ours.header("Content-Length") == theirs.header("Content-Length"));
            CHECK(ours.body == theirs.body);
        }
        ++compared;
    }
    CHECK(compared >= 15);
}

TEST_CASE("Every key arrives as it is (golang/groupcache #18, #24, #25, #72, PR #91)", "[http][server]")
{
    Node node;
    const auto protocol = http::protocol();
    Caller caller(*protocol, node.uri(), "a");
    for (const std::string& key :
         {""s, "."s, ".."s, "/a"s, "a//b"s, "//"s, "%2F"s, "a b"s, "a+b"s, "\n"s, "a\nb"s, "\0"s, "\xff"s,
          "?q"s, "#f"s, "%"s, std::string(20'000, 'x'), std::string(20'000, '\xff')}) {
        CAPTURE(key.substr(0, 30), key.size());
        const FetchResult result = caller.fetch(key);
        REQUIRE_FALSE(result.error);
        CHECK(result.value == "value of " + key);
        const FetchResult peeked = caller.fetch(key, 0, Verb::peek);
        CHECK(peeked.value == "value of " + key);
    }
    CHECK(caller.fetch(std::string(32'768, '\0')).value.size() == 32'768 + 9);
    CHECK(caller.fetch(std::string(32'769, '\0')).error == errc::unsupported);
    CHECK(caller.fetch("never loaded", 0, Verb::peek).error == errc::not_found);
}

TEST_CASE("Values of every size arrive whole (Beast's 1 MB and 8 MB limits)", "[http][server]")
{
    Node node({}, {.capacity = std::size_t{1} << 30});
    const auto protocol = http::protocol();
    Caller caller(*protocol, node.uri(), "a");
    constexpr std::size_t mib = std::size_t{1} << 20;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{4097},
                                   mib - 1, mib, mib + 1, 8 * mib - 1, 8 * mib, 8 * mib + 1, 64 * mib}) {
        CAPTURE(size);
        const std::string key = "size:" + std::to_string(size);
        const FetchResult result = caller.fetch(key, 64 * mib);
        REQUIRE_FALSE(result.error);
        CHECK(result.value == bytes_of(size));
        CHECK(result.lifetime == std::nullopt);
    }
    CHECK(caller.fetch("size:" + std::to_string(64 * mib + 1), 64 * mib).error == errc::value_too_large);
    CHECK(caller.fetch("size:1000", 999).error == errc::value_too_large);
}

TEST_CASE("A value is sent from where it lies", "[http][server]")
{
    namespace beast = boost::beast::http;
    const Value value(bytes_of(10'000));
    http::Response found(200, value);
    beast::request<beast::empty_body> request(beast::verb::get, "/", 11);
    auto message = http::as_response(std::move(found), request);
    http::ValueBody::writer writer(message.base(), message.body());
    boost::system::error_code error;
    writer.init(error);
    const auto buffers = writer.get(error);
    CHECK(buffers->first.data() == value.view().data());
    CHECK(buffers->first.size() == value.size());
    CHECK(message[beast::field::content_length] == "10000");
    CHECK(message.keep_alive());

    request.method(beast::verb::head);
    auto headed = http::as_response(http::Response(200, value), request);
    CHECK(headed.body().empty());
    CHECK(headed[beast::field::content_length] == "10000");
}

TEST_CASE("Lifetimes travel: what remains, and the moment", "[http][server]")
{
    Node node;
    const auto protocol = http::protocol();
    Caller caller(*protocol, node.uri(), "a");
    const FetchResult minute = caller.fetch("minute");
    REQUIRE(minute.lifetime.has_value());
    CHECK(*minute.lifetime <= 1min);
    CHECK(*minute.lifetime > 50s);
    REQUIRE(minute.expires.has_value());
    CHECK(*minute.expires > std::chrono::system_clock::now() + 50s);
    const FetchResult ttl = caller.fetch("ttl");
    CHECK(ttl.expires == moment());
    CHECK_FALSE(caller.fetch("k").expires.has_value());
}

TEST_CASE("Statuses of the handler", "[http][server]")
{
    Node node({}, {.max_key = 100, .max_value = 1000});
    const std::string base = "/_galaxycache/g/";
    auto status = [&node](std::string_view request) { return ask(node, request).status; };

    CHECK(status(get(base + "k")) == 200);
    CHECK(status(get(base + "k?x=y")) == 200);
    CHECK(status(get("http://x" + base + "k")) == 200);
    CHECK(status(get(base + "missing")) == 404);
    CHECK(status(get(base + "%zz")) == 400);
    CHECK(status(get("/_galaxycache/g")) == 400);
    CHECK(status(get("/_galaxycachex/g/k")) == 404);
    CHECK(status(get("/")) == 404);
    CHECK(status(get(base + std::string(101, 'k'))) == 414);
    CHECK(status(get(base + "size:1000")) == 200);
    CHECK(status(get(base + "size:1001")) == 413);
    CHECK(status(get(base + "k", "X-Galaxy-Universe: default\r\nX-Galaxy-Peer: a\r\n")) == 200);
    CHECK(status(get(base + "k", "X-Galaxy-Universe: other\r\n")) == 421);
    CHECK(status(get(base + "k", "X-Galaxy-Peer: b\r\n")) == 421);
    CHECK(status(get(base + "k", "X-Galaxy-Timeout-Ms: soon\r\n")) == 200);
    CHECK(status(get(base + "hold", "X-Galaxy-Timeout-Ms: 50\r\n")) == 504);
    CHECK(node.gate.waiting == 1);

    const Got failed = ask(node, get(base + "fail"));
    CHECK(failed.status == 500);
    CHECK(failed.header("X-Galaxycache-Galaxy-Status") == "Found");
    CHECK(failed.header("X-Galaxy-Peer") == "a");
    CHECK(status(get(base + "fail%20with%20a%20code")) == 500);

    for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "BREW"}) {
        const Got refused = ask(node, method + " " + base + "k HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        CHECK(refused.status == 405);
        CHECK(refused.header("Allow") == "GET, HEAD");
        CHECK(refused.header("X-Galaxy-Peer") == "a");
    }
    CHECK_FALSE(ask(node, get(base + "k")).header("X-Galaxy-Draining").has_value());
    node.universe.drain();
    CHECK(ask(node, get(base + "k")).header("X-Galaxy-Draining") == "1");
    node.universe.close();
    const Got closed = ask(node, get(base + "another"));
    CHECK(closed.status == 503);
    CHECK(closed.header("Retry-After").has_value());
}

TEST_CASE("HEAD says what GET would, without the body", "[http][server]")
{
    Node node;
    Wire wire = Wire::to(node.port());
    wire.send("HEAD /_galaxycache/g/foo HTTP/1.1\r\nHost: x\r\n\r\n" + get("/_galaxycache/g/foo") +
              "HEAD /_galaxycache/g/missing HTTP/1.1\r\nHost: x\r\n\r\n");
    const Got head = receive(wire, Body::none);
    CHECK(head.status == 200);
    CHECK(head.header("Content-Length") == "12");
    const Got body = receive(wire);
    CHECK(body.body == "value of foo");
    CHECK(receive(wire, Body::none).status == 404);
}

TEST_CASE("Requests in a row: keep-alive, pipelining, HTTP/1.0", "[http][server]")
{
    Node node;
    SECTION("one after the other")
    {
        Wire wire = Wire::to(node.port());
        for (int i = 0; i < 100; ++i) {
            wire.send(get("/_galaxycache/g/" + std::to_string(i)));
            CHECK(receive(wire).body == "value of " + std::to_string(i));
        }
        CHECK(node.server.connections() == 1);
    }
    SECTION("all at once, some slow")
    {
        Wire wire = Wire::to(node.port());
        std::string all = get("/_galaxycache/g/hold");
        for (int i = 0; i < 1000; ++i) all += get("/_galaxycache/g/" + std::to_string(i));
        wire.send(all);
        REQUIRE(eventually([&node] { return node.gate.waiting == 1; }));
        node.gate.open();
        CHECK(receive(wire).body == "value of hold");
        for (int i = 0; i < 1000; ++i) {
            const Got got = receive(wire);
            REQUIRE(got.body == "value of " + std::to_string(i));
        }
    }
    SECTION("HTTP/1.0")
    {
        Wire wire = Wire::to(node.port());
        wire.send("GET /_galaxycache/g/a HTTP/1.0\r\n\r\n");
        CHECK(split(wire.receive_all()).body == "value of a");
        Wire kept = Wire::to(node.port());
        kept.send("GET /_galaxycache/g/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK(receive(kept).body == "value of a");
        kept.send("GET /_galaxycache/g/b HTTP/1.0\r\n\r\n");
        CHECK(split(kept.receive_all()).body == "value of b");
    }
    SECTION("byte by byte")
    {
        Wire wire = Wire::to(node.port());
        for (const char c : get("/_galaxycache/g/abc")) wire.send({&c, 1});
        CHECK(receive(wire).body == "value of abc");
    }
    SECTION("a body is read and dropped, asked for or not")
    {
        Wire wire = Wire::to(node.port());
        wire.send(get("/_galaxycache/g/a", "Content-Length: 5\r\n") + "12345" + get("/_galaxycache/g/b"));
        CHECK(receive(wire).body == "value of a");
        CHECK(receive(wire).body == "value of b");
        wire.send(get("/_galaxycache/g/c", "Expect: 100-continue\r\nContent-Length: 3\r\n"));
        CHECK(wire.receive_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
        wire.send("123");
        CHECK(receive(wire).body == "value of c");
        wire.send(get("/_galaxycache/g/d", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n");
        CHECK(receive(wire).body == "value of d");
    }
}

TEST_CASE("What is no request is answered 4xx, and the connection closed", "[http][server]")
{
    Node node({.max_header = 4000, .max_body = 100});
    auto refused = [&node](std::string_view bytes) {
        Wire wire = Wire::to(node.port());
        wire.send(bytes);
        const Got got = split(wire.receive_all());
        CHECK(got.header("Connection") == "close");
        return got.status;
    };
    CHECK(refused("\x16\x03\x01\x02\x00garbage") == 400);
    CHECK(refused("GET\r\n\r\n") == 400);
    CHECK(refused("GET / HTTP/3.0\r\n\r\n") == 400);
    CHECK(refused("GET / HTTP/1.1\r\nBad Header\r\n\r\n") == 400);
    CHECK(refused("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n") == 400);
    CHECK(refused("GET / HTTP/1.1\r\nContent-Length: 101\r\n\r\n") == 413);
    CHECK(refused("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n") == 413);
    for (const std::size_t size : {std::size_t{3999}, std::size_t{4000}, std::size_t{4001}}) {
        std::string text = "GET /_galaxycache/g/k HTTP/1.1\r\nConnection: close\r\nX: ";
        text += std::string(size - text.size() - 4, 'x') + "\r\n\r\n";
        Wire wire = Wire::to(node.port());
        wire.send(text);
        CHECK(split(wire.receive_all()).status == (size <= 4000 ? 200u : 431u));
    }
    CHECK(refused("GET / HTTP/1.1\r\nX: " + std::string(200'000, 'x')) == 431);
    CHECK(eventually([&node] { return node.server.connections() == 0; }));
}

TEST_CASE("Cut requests leave nothing behind", "[http][server]")
{
    Node node;
    const std::string whole = get("/_galaxycache/g/k", "Content-Length: 4\r\n") + "body";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        Wire wire = Wire::to(node.port());
        wire.send(whole.substr(0, size));
        if (size % 2 == 0) {
            wire.half_close();
            CHECK(wire.receive_all().empty());
        } else {
            wire.reset();
        }
    }
    CHECK(eventually([&node] { return node.server.connections() == 0; }));
    CHECK(node.loads == 0);
}

TEST_CASE("Slow senders and idle connections are cut by deadlines", "[http][server]")
{
    Node node({.header_timeout = 100ms, .body_timeout = 100ms, .idle_timeout = 150ms});
    Wire idle = Wire::to(node.port());
    Wire header = Wire::to(node.port());
    header.send("GET /_galaxycache/g/k HTTP/1.1\r\n");
    Wire body = Wire::to(node.port());
    body.send(get("/_galaxycache/g/k", "Content-Length: 5\r\n") + "1234");
    Wire drip = Wire::to(node.port());
    std::thread dripping([&drip] {
        const std::string text = "GET / HTTP/1.1\r\nX: ";
        for (std::size_t i = 0; i < 10'000; ++i) {
            if (!drip.send(i < text.size() ? text.substr(i, 1) : "x")) return;
            pollfd closed{drip.fd(), POLLIN, 0};
            if (::poll(&closed, 1, 10) > 0) return;
        }
    });
    CHECK(idle.closed_within(5s));
    CHECK(header.closed_within(5s));
    CHECK(body.closed_within(5s));
    dripping.join();
    CHECK(drip.closed_within(5s));

    // One that answers slowly is not idle.
    Wire waiting = Wire::to(node.port());
    waiting.send(get("/_galaxycache/g/hold"));
    CHECK_FALSE(waiting.closed_within(600ms));
    node.gate.open();
    CHECK(receive(waiting).body == "value of hold");
}

TEST_CASE("A slow reader is cut when it makes no progress", "[http][server]")
{
    Node node({.idle_timeout = 200ms}, {.capacity = std::size_t{1} << 30});
    Wire wire = Wire::to(node.port());
    wire.send(get("/_galaxycache/g/size:50000000"));
    REQUIRE(eventually([&node] { return node.loads == 1; }));
    CHECK(eventually([&node] { return node.server.connections() == 0; }));
    CHECK(wire.receive_all().size() < 50'000'000);
}

TEST_CASE("A peer that hangs up leaves its get", "[http][server]")
{
    Node node;
    std::vector<Wire> wires;
    for (int i = 0; i < 10; ++i) {
        wires.push_back(Wire::to(node.port()));
        wires.back().send(get("/_galaxycache/g/hold"));
    }
    REQUIRE(eventually([&node] { return node.g.stats().waiters_now == 10; }));
    for (int i = 0; i < 9; ++i) {
        if (i % 2 == 0) {
            wires[static_cast<std::size_t>(i)].close();
        } else {
            wires[static_cast<std::size_t>(i)].reset();
        }
    }
    CHECK(eventually([&node] { return node.g.stats().waiters_now == 1; }));
    CHECK(eventually([&node] { return node.server.connections() == 1; }));
    node.gate.open();
    CHECK(receive(wires.back()).body == "value of hold");
    CHECK(node.loads == 1);
}

TEST_CASE("At the limit, who waits for nothing gives way", "[http][server]")
{
    Node node({.max_connections = 4});
    std::vector<Wire> quiet;
    for (int i = 0; i < 4; ++i) {
        quiet.push_back(Wire::to(node.port()));
        REQUIRE(eventually([&] { return node.server.connections() == quiet.size(); }));
        quiet.back().send(get("/_galaxycache/g/k"));
        REQUIRE(receive(quiet.back()).status == 200);
    }
    quiet[0].send(get("/_galaxycache/g/k"));
    REQUIRE(receive(quiet[0]).status == 200);
    CHECK(ask(node, get("/_galaxycache/g/k")).status == 200);
    CHECK(quiet[1].closed_within(5s));
    quiet[0].send(get("/_galaxycache/g/k"));
    CHECK(receive(quiet[0]).status == 200);

    // Everybody is busy: told so, not dropped.
    std::vector<Wire> busy;
    for (int i = 0; i < 4; ++i) {
        busy.push_back(Wire::to(node.port()));
        busy.back().send(get("/_galaxycache/g/hold"));
        REQUIRE(eventually([&] { return node.g.stats().waiters_now == busy.size(); }));
    }
    const Got told = ask(node, get("/_galaxycache/g/k"));
    CHECK(told.status == 503);
    CHECK(told.header("Retry-After").has_value());
    CHECK(told.header("X-Galaxy-Peer") == "a");
    node.gate.open();
    for (Wire& wire : busy) CHECK(receive(wire).status == 200);
}

TEST_CASE("Connections held open cost little memory", "[http][server]")
{
    Node node;
    REQUIRE(ask(node, get("/_galaxycache/g/k")).status == 200);
    const std::size_t descriptors = open_descriptors();
    const std::size_t before = resident_bytes();
    {
        std::vector<Wire> wires;
        for (std::size_t i = 0; i < 400; ++i) {
            wires.push_back(Wire::to(node.port()));
            if (i % 4 == 1) wires.back().send("GET /_galaxycache/g/k HTTP/1.1\r\nX: " + std::string(100'000, 'x'));
            if (i % 4 == 2) wires.back().send("GET /_galaxycache/g/k HTTP/1.1\r\n");
            if (i % 4 == 3) {
                wires.back().send(get("/_galaxycache/g/k"));
                REQUIRE(receive(wires.back()).status == 200);
            }
        }
        CHECK(ask(node, get("/_galaxycache/g/k")).status == 200);
        const std::size_t after = resident_bytes();
        CAPTURE(before, after);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        CHECK(after - std::min(before, after) < 10'000'000);
#endif
    }
    CHECK(eventually([&node] { return node.server.connections() == 0; }));
    CHECK(eventually([&] { return open_descriptors() <= descriptors; }));
}

TEST_CASE("Out of descriptors: the server waits and goes on (thanos-io/thanos #2962)", "[http][server]")
{
    Node node({.spare_descriptors = 0});
    rlimit old{};
    ::getrlimit(RLIMIT_NOFILE, &old);
    std::vector<Wire> clients;
    for (int i = 0; i < 8; ++i) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        clients.emplace_back(fd);
    }
    const rlimit tight{static_cast<rlim_t>(clients.back().fd()) + 1, old.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &tight);
    std::vector<Wire> fill;
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fill.emplace_back(fd);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(node.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (const Wire& client : clients) {
        ::connect(client.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address);
        client.send(get("/_galaxycache/g/k"));
    }
    CHECK(clients.back().receive(200ms).empty());
    ::setrlimit(RLIMIT_NOFILE, &old);
    for (Wire& client : clients) CHECK(receive(client).status == 200);
}

TEST_CASE("What is not for peers goes to the route", "[http][server]")
{
    http::ServerOptions options;
    options.route = [](http::Request request) -> asio::awaitable<http::Response> {
        if (request.target == "/throw") throw std::runtime_error("oops");
        http::Response response(200, Value(std::string(request.method) + " " + std::string(request.target) +
                                           " " + std::string(request.header("x-me"))));
        response.headers.emplace_back("X-Mine", "yes");
        co_return response;
    };
    Node node(std::move(options));
    const Got got = ask(node, "POST /mine?a=b HTTP/1.1\r\nHost: x\r\nX-Me: I\r\n\r\n");
    CHECK(got.status == 200);
    CHECK(got.body == "POST /mine?a=b I");
    CHECK(got.header("X-Mine") == "yes");
    CHECK(got.header("Date").value_or("").ends_with(" GMT"));
    CHECK(ask(node, get("/throw")).status == 500);
    CHECK(ask(node, get("/_galaxycache/g/k")).body == "value of k");
}

TEST_CASE("A drain lets requests under way end, and no new ones begin", "[http][server]")
{
    Node node;
    Wire idle = Wire::to(node.port());
    Wire busy = Wire::to(node.port());
    busy.send(get("/_galaxycache/g/hold"));
    REQUIRE(eventually([&node] { return node.gate.waiting == 1; }));
    REQUIRE(eventually([&node] { return node.server.connections() == 2; }));
    node.universe.drain();
    std::future<boost::system::error_code> drained = drain(node.server, 300ms);

    // The first half: as before, and saying so.
    const Got during = ask(node, get("/_galaxycache/g/k"));
    CHECK(during.status == 200);
    CHECK(during.header("X-Galaxy-Draining") == "1");
    CHECK(idle.closed_within(5s));
    CHECK_THROWS(Wire::to(node.port()));
    CHECK(drained.wait_for(0s) == std::future_status::timeout);
    node.gate.open();
    const Got last = receive(busy);
    CHECK(last.body == "value of hold");
    CHECK(last.header("Connection") == "close");
    busy.close();
    CHECK(drained.wait_for(5s) == std::future_status::ready);
    CHECK_FALSE(drained.get());
    CHECK(node.server.connections() == 0);
    node.universe.close();
    node.thread.join();  // nothing keeps the context from returning
}

TEST_CASE("A drain is bounded, and may be cut short", "[http][server]")
{
    Node node;
    Wire busy = Wire::to(node.port());
    busy.send(get("/_galaxycache/g/hold"));
    REQUIRE(eventually([&node] { return node.gate.waiting == 1; }));
    SECTION("bounded")
    {
        std::future<boost::system::error_code> drained = drain(node.server, 50ms);
        CHECK(drained.wait_for(5s) == std::future_status::ready);
        CHECK_FALSE(drained.get());
    }
    SECTION("cancelled")
    {
        asio::cancellation_signal signal;
        std::promise<boost::system::error_code> ended;
        asio::post(node.io, [&] {
            node.server.async_drain(1h, asio::bind_cancellation_slot(
                                            signal.slot(), [&ended](boost::system::error_code error) {
                                                ended.set_value(error);
                                            }));
            asio::post(node.io, [&] { signal.emit(asio::cancellation_type::terminal); });
        });
        CHECK(ended.get_future().get() == asio::error::operation_aborted);
    }
    SECTION("closed")
    {
        std::future<boost::system::error_code> drained = drain(node.server, 1h);
        node.server.close();
        CHECK(drained.get() == asio::error::operation_aborted);
    }
    CHECK(busy.closed_within(5s));
    CHECK(eventually([&node] { return node.g.stats().waiters_now == 0; }));
    std::future<boost::system::error_code> late = drain(node.server, 1h);
    CHECK(late.get() == asio::error::operation_aborted);
}

TEST_CASE("Closing the server ends its work, and nothing else's", "[http][server]")
{
    auto node = std::make_unique<Node>();
    Wire idle = Wire::to(node->port());
    Wire busy = Wire::to(node->port());
    busy.send(get("/_galaxycache/g/hold"));
    REQUIRE(eventually([&node] { return node->gate.waiting == 1; }));
    node->server.close();
    node->server.close();
    CHECK(idle.closed_within(5s));
    CHECK(busy.closed_within(5s));
    CHECK(eventually([&node] { return node->g.stats().waiters_now == 0; }));
    node->gate.open();
    node->thread.join();
    CHECK(node->g.find("hold").has_value());
}

TEST_CASE("Server, universe and context go in any order, with requests in flight", "[http][server]")
{
    for (int order = 0; order < 6; ++order) {
        CAPTURE(order);
        auto io = std::make_unique<asio::io_context>();
        auto universe = std::make_unique<Universe>(io->get_executor(), UniverseOptions{.self = "a"});
        Backend forever = [](std::string_view) -> asio::awaitable<Loaded> {
            asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
            co_await timer.async_wait(asio::use_awaitable);
            co_return Loaded::not_found();
        };
        auto g = std::make_unique<Galaxy>(universe->create("g", forever));
        auto server = std::make_unique<http::Server>(http::serve(*universe));
        std::vector<Wire> wires;
        for (int i = 0; i < 6; ++i) wires.push_back(Wire::to(server->port()));
        wires[0].send(get("/_galaxycache/g/k"));
        wires[1].send(get("/_galaxycache/g/k"));
        wires[2].send("GET /_gala");
        wires[3].send("garbage garbage\r\n\r\n");
        wires[4].close();
        while (g->stats().waiters_now < 2) io->poll();
        server->async_drain(1h, asio::detached);
        io->poll();
        const auto drop = [&](int which) {
            if (which == 0) io.reset();
            if (which == 1) universe.reset();
            if (which == 2) server.reset();
        };
        const int first = order / 2;
        const int second = (first + 1 + order % 2) % 3;
        drop(first);
        if (io) io->poll();
        drop(second);
        if (io) io->poll();
        drop(3 - first - second);
        g.reset();
    }
    SUCCEED("the sanitizers saw nothing");
}

TEST_CASE("Many connections, four threads, closed in the middle of it", "[http][server]")
{
    asio::io_context io;
    Universe universe(io.get_executor(), {.self = "a"});
    const Galaxy g = universe.create("g", [](std::string_view key) -> asio::awaitable<Loaded> {
        co_return Loaded::value("value of " + std::string(key));
    });
    http::Server server = http::serve(universe, {.header_timeout = 20ms});
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&io] { io.run(); });
    std::atomic<int> answered = 0;
    std::vector<std::thread> clients;
    for (int c = 0; c < 8; ++c) {
        clients.emplace_back([&, c] {
            try {
                for (int i = 0; i < 200; ++i) {
                    Wire wire = Wire::to(server.port());
                    for (int r = 0; r < i % 5; ++r) {
                        wire.send(get("/_galaxycache/g/" + std::to_string(i * 8 + c)));
                        if (i % 7 == 0) break;
                        if (receive(wire).status == 200) ++answered;
                    }
                    if (i % 3 == 0) wire.reset();
                }
            } catch (const std::runtime_error&) {
                // the server has been closed
            }
        });
    }
    CHECK(eventually([&answered] { return answered > 500; }));
    server.close();
    for (std::thread& client : clients) client.join();
    for (std::thread& thread : threads) thread.join();
    CHECK(server.connections() == 0);
}

TEST_CASE("Bad options of a server say how to mend them", "[http][server]")
{
    asio::io_context io;
    Universe universe(io.get_executor());
    CHECK_THROWS_AS(http::serve(universe, {.address = "localhost"}), std::invalid_argument);
    CHECK_THROWS_AS(http::serve(universe, {.max_connections = 0}), std::invalid_argument);
    CHECK_THROWS_AS(http::serve(universe, {.header_timeout = 0s}), std::invalid_argument);
    CHECK_THROWS_AS(http::serve(universe, {.paths = {.fetch = "no"}}), std::invalid_argument);
    http::Server server = http::serve(universe);
    CHECK_THROWS_AS(http::serve(universe, {.port = server.port()}), boost::system::system_error);
    io.poll();
    server.close();
    io.restart();
    io.run();
}

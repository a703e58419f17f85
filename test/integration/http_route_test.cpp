// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/server.hpp>

#include "integration/http_node.hpp"

#include <galaxy/http/beast.hpp>

#include <boost/beast/http/empty_body.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::string_literals;
using Header = std::pair<std::string, std::string>;

http::Response response(unsigned status, const Header& header = {"X-It", "fine"})
{
    http::Response made(status, Value("body"));
    made.headers.push_back(header);
    return made;
}

/// Serves "/NUMBER" with that answer, and anything else with "next".
http::ServerOptions routes(std::vector<http::Response> answers)
{
    http::ServerOptions options;
    options.route =
        [answers = std::move(answers)](http::Request request) -> asio::awaitable<http::Response> {
        if (request.target == "/next") co_return http::Response(200, Value("next"));
        co_return answers.at(std::stoul(std::string(request.target.substr(1))));
    };
    return options;
}

}  // namespace

TEST_CASE("A route's answer without a body has none, and the next one is the next",
          "[http][server]")
{
    Node node(routes({response(204), response(304), response(205), response(200)}));
    for (const auto& [target, status] :
         {std::pair("/0", 204u), std::pair("/1", 304u), std::pair("/2", 205u)}) {
        CAPTURE(target);
        Wire wire = Wire::to(node.port());
        wire.send(get(target) + get("/next"));
        const Got got = receive(wire);
        CHECK(got.status == status);
        CHECK(got.header("X-It") == "fine");
        CHECK(got.header("Content-Length") == (status == 205 ? std::optional("0"s) : std::nullopt));
        CHECK(got.body.empty());
        const Got next = receive(wire);
        CHECK(next.status == 200);
        CHECK(next.body == "next");
    }
    CHECK(ask(node, get("/3")).body == "body");
}

TEST_CASE("A route's header is one header, or the answer is a failure", "[http][server]")
{
    const std::vector<Header> bad = {
        {"X-It", "a\r\nX-Other: b"},
        {"X-It", "a\r\n\r\nHTTP/1.1 200 OK"},
        {"X-It", "a\nX-Other: b"},
        {"X-It", "a\rb"},
        {"X-It", "a\0b"s},
        {"X-It", "a\x7f"},
        {"X-It: a\r\nX-Other", "b"},
        {"X It", "a"},
        {"X-It:", "a"},
        {"", "a"},
        {"X-It", std::string(70'000, 'x')},
        {std::string(70'000, 'x'), "a"},
    };
    std::vector<http::Response> answers;
    for (const Header& header : bad) answers.push_back(response(200, header));
    for (const unsigned status : {0u, 100u, 101u, 199u, 1000u}) answers.push_back(response(status));
    Node node(routes(answers));
    for (std::size_t i = 0; i != answers.size(); ++i) {
        CAPTURE(i);
        Wire wire = Wire::to(node.port());
        wire.send(get("/" + std::to_string(i)) + get("/next"));
        const Got got = receive(wire);
        CHECK(got.status == 500);
        CHECK_FALSE(got.header("X-It").has_value());
        CHECK_FALSE(got.header("X-Other").has_value());
        CHECK(receive(wire).body == "next");
    }
}

TEST_CASE("What is good in a header of a route goes as it is", "[http][server]")
{
    Node node(routes({response(200, {"X-It", "a\tb \xc3\xa4 \xff"}), response(200, {"x!#$", ""}),
                      response(200, {"Transfer-Encoding", "chunked"}),
                      response(200, {"Transfer-Encoding", "gzip"}),
                      response(200, {"Content-Length", "77"})}));
    CHECK(ask(node, get("/0")).header("X-It") == "a\tb \xc3\xa4 \xff");
    CHECK(ask(node, get("/1")).status == 200);
    // How an answer ends is the server's business.
    for (const std::string target : {"/2", "/3", "/4"}) {
        CAPTURE(target);
        const Got got = ask(node, get(target));
        CHECK_FALSE(got.header("Transfer-Encoding").has_value());
        CHECK(got.header("Content-Length") == "4");
        CHECK(got.body == "body");
    }
}

TEST_CASE("In a Beast server of one's own, too, what has no body has none", "[http][server]")
{
    namespace beast = boost::beast::http;
    const beast::request<beast::empty_body> request(beast::verb::get, "/", 11);
    for (const unsigned status : {204u, 205u, 304u}) {
        CAPTURE(status);
        const auto message = http::as_response(response(status), request);
        CHECK(message.body().empty());
        CHECK(message.has_content_length() == (status == 205));
    }
}

namespace {

class Mute final : public std::exception {
public:
    const char* what() const noexcept override { return nullptr; }
};

}  // namespace

TEST_CASE("What a route throws is answered 500, and logged", "[http][server]")
{
    http::ServerOptions options;
    options.route = [](http::Request request) -> asio::awaitable<http::Response> {
        if (request.target == "/early") throw std::runtime_error("the reason");
        if (request.target == "/number") throw 7;
        if (request.target == "/mute") throw Mute();
        if (request.target == "/nothing") return {};
        return []() -> asio::awaitable<http::Response> {
            throw std::runtime_error("the reason");
            co_return http::Response();
        }();
    };
    const std::string target = GENERATE("/early", "/late", "/number", "/mute", "/nothing");
    std::mutex mutex;
    std::string logged;
    Node node(options, {}, "a",
              [&](LogLevel, std::string_view message, std::span<const LogField> fields) {
                  const std::lock_guard lock(mutex);
                  logged += message;
                  for (const LogField& field : fields)
                      logged.append(" ").append(field.name).append("=").append(field.value);
                  logged += '\n';
              });
    Wire wire = Wire::to(node.port());
    const auto begun = std::chrono::steady_clock::now();
    wire.send(get(target) + get(target));
    CHECK(receive(wire).status == 500);
    CHECK(receive(wire).status == 500);
    const bool slow = std::chrono::steady_clock::now() - begun > std::chrono::seconds(9);
    const std::string what = target == "/number"    ? "something that is no std::exception"
                             : target == "/mute"    ? ""
                             : target == "/nothing" ? "the route gave nothing to await"
                                                    : "the reason";
    const std::lock_guard lock(mutex);
    const std::string line = "a route threw target=" + target + " what=" + what + "\n";
    CAPTURE(logged);
    CHECK((slow ? logged.starts_with(line) : logged == line));  // once in ten seconds
}

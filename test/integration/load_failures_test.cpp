// SPDX-License-Identifier: BSL-1.0

// What of a backend's exceptions travels to peers, by plain HTTP and by the stream.

#include "integration/http_scripted.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cerrno>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;

/// A node "a" over HTTP whose backend throws the exception that a key is the number of.
class Throwing {
public:
    explicit Throwing(std::vector<std::exception_ptr> all)
        : thrown_(std::move(all)),
          universe_(io_.get_executor(), {.self = "a", .fetch_protocol = patient_protocol()}),
          g_(universe_.create(
              "g", [this](std::string_view key) { return load(std::stoul(std::string(key))); },
              patiently(GalaxyOptions()))),
          server_(http::serve(universe_, patiently(http::ServerOptions()))),
          thread_([this] { io_.run(); })
    {
    }
    ~Throwing()
    {
        server_.close();
        universe_.close();
        thread_.join();
    }

    std::string uri() const { return "127.0.0.1:" + std::to_string(server_.port()); }

private:
    asio::awaitable<Loaded> load(std::size_t which)
    {
        if (which == thrown_.size()) co_return Loaded::too_large();
        std::rethrow_exception(thrown_.at(which));
    }

    const std::vector<std::exception_ptr> thrown_;
    asio::io_context io_;
    Universe universe_;
    Galaxy g_;
    http::Server server_;
    std::thread thread_;
};

std::exception_ptr thrown(boost::system::error_code code)
{
    return std::make_exception_ptr(boost::system::system_error(code));
}

}  // namespace

TEST_CASE("Over HTTP and the stream a backend's code is never the peer's state", "[http][stream]")
{
    std::vector<std::exception_ptr> all;
    for (int code = static_cast<int>(errc::not_found); code <= static_cast<int>(errc::busy); ++code)
        all.push_back(thrown(static_cast<errc>(code)));
    all.push_back(thrown(asio::error::operation_aborted));
    all.push_back(std::make_exception_ptr(std::system_error(ETIMEDOUT, std::system_category())));
    const std::size_t failures = all.size();
    for (const int code : {EMFILE, ENFILE})
        all.push_back(std::make_exception_ptr(std::system_error(code, std::system_category())));
    Throwing node(all);

    const bool by_stream = GENERATE(false, true);
    const auto protocol = by_stream ? patient_protocol() : plain_protocol();
    Caller caller(*protocol, node.uri(), "a");
    for (std::size_t i = 0; i != all.size(); ++i) {
        CAPTURE(by_stream, i);
        const FetchResult result = caller.fetch(std::to_string(i));
        CHECK(result.error == (i < failures ? errc::backend_failed : errc::busy));
    }
    CHECK(caller.fetch(std::to_string(all.size())).error == errc::value_too_large);
}

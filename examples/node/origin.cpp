// SPDX-License-Identifier: BSL-1.0
#include "node/origin.hpp"

#include <chrono>
#include <stdexcept>
#include <string>

namespace node {
namespace {

// Answers without a store, for trying things out and for tests of compatibility: the keys
// "missing", "fail" and "ttl" are special, every other key has a value.
boost::asio::awaitable<galaxy::Loaded> echo(std::string_view key)
{
    using namespace std::chrono;
    if (key == "missing") co_return galaxy::Loaded::not_found();
    if (key == "fail") throw std::runtime_error("the origin echo fails for this key");
    if (key == "ttl") {
        const sys_days day = year(2030) / January / 2;
        const galaxy::WallTime end = day + 3h + 4min + 5s + 678'901'234ns;
        co_return galaxy::Loaded::until("with ttl", end);
    }
    co_return galaxy::Loaded::value("value of " + std::string(key));
}

}  // namespace

Origin echo_origin()
{
    return {echo, {}, nullptr};
}

Origin make_origin(const Options& options, const Limits& limits,
                   const boost::asio::any_io_executor& executor)
{
    if (options.origin == "echo") return echo_origin();
    if (options.origin.starts_with("sqlite:")) return sqlite_origin(options);
    return http_origin(options, limits, executor);
}

}  // namespace node

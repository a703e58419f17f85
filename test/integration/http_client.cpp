// SPDX-License-Identifier: BSL-1.0
#include "integration/http_client.hpp"

#include "integration/wire.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdlib>
#include <exception>

namespace galaxy::test {
namespace {

boost::asio::awaitable<support::Answer> get(boost::asio::io_context& context, std::uint16_t port,
                                            std::string target, const Headers& headers,
                                            std::chrono::milliseconds limit)
{
    support::Client client(context.get_executor(), "127.0.0.1", port);
    for (const auto& [name, value] : headers) client.set_header(name, value);
    co_return co_await client.get(std::move(target), limit);
}

}  // namespace

support::Answer http_get(std::uint16_t port, const std::string& target, const Headers& headers,
                         std::chrono::milliseconds limit)
{
    boost::asio::io_context context(1);
    support::Answer answer;
    std::exception_ptr failure;
    boost::asio::co_spawn(context, get(context, port, target, headers, limit),
                          [&](std::exception_ptr error, support::Answer got) {
                              failure = error;
                              answer = std::move(got);
                          });
    context.run();
    if (failure) std::rethrow_exception(failure);
    return answer;
}

unsigned raw_status(std::uint16_t port, std::string_view request, std::chrono::milliseconds limit)
{
    Wire wire = Wire::to(port);
    wire.send(request);
    constexpr std::string_view version = "HTTP/1.1 ";
    const std::string answer = wire.receive_exactly(version.size() + 3, limit);
    if (!answer.starts_with("HTTP/1.") || answer.size() < version.size() + 3) return 0;
    return static_cast<unsigned>(std::strtoul(answer.c_str() + version.size(), nullptr, 10));
}

}  // namespace galaxy::test

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/handler.hpp>
#include <galaxy/http/server.hpp>
#include <galaxy/universe.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace node {

/// What a target of `/get/` asks for.
struct GetTarget {
    std::string galaxy;
    std::string key;
};

/// Galaxy and key of `/get/<galaxy>/<key>`; nothing where the escapes are broken or the key's slash
/// is missing. The key may be empty and may contain anything.
std::optional<GetTarget> parse_get(std::string_view path);

/// What a node answers to everybody: /get, /ready and /stats.
class Routes {
public:
    Routes(const galaxy::Universe& universe, std::function<galaxy::http::ServerStats()> server)
        : universe_(&universe), server_(std::move(server))
    {
    }

    boost::asio::awaitable<galaxy::http::Response> answer(galaxy::http::Request request) const;

private:
    boost::asio::awaitable<galaxy::http::Response> get(galaxy::http::Request request,
                                                       std::string_view path) const;
    galaxy::http::Response ready() const;
    galaxy::http::Response stats() const;
    std::string owner(std::string_view key) const;

    const galaxy::Universe* universe_;
    std::function<galaxy::http::ServerStats()> server_;
};

}  // namespace node

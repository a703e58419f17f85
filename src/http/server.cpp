// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/server.hpp>

#include "http/server_core.hpp"

#include <boost/json/object.hpp>
#include <boost/system/system_error.hpp>

#include <string>
#include <utility>

namespace galaxy::http {

namespace {

std::string authority(const std::string& address, std::uint16_t port)
{
    const bool v6 = address.find(':') != std::string::npos;
    return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

}  // namespace

Server& Server::operator=(Server&& other) noexcept
{
    if (this != &other) {
        if (core_) core_->close();
        core_ = std::move(other.core_);
    }
    return *this;
}

boost::json::object to_json(const ServerStats& stats)
{
    return {
        {"connections_now", stats.connections_now}, {"max_connections", stats.max_connections},
        {"held_bytes", stats.held_bytes},           {"max_held", stats.max_held},
        {"ended_for_room", stats.ended_for_room},   {"ended_for_memory", stats.ended_for_memory},
        {"turned_away", stats.turned_away}};
}

Server::~Server()
{
    if (core_) core_->close();
}

std::uint16_t Server::port() const noexcept
{
    return core_->port();
}

std::string Server::address() const
{
    return core_->address();
}

std::size_t Server::connections() const noexcept
{
    return core_->connections();
}

ServerStats Server::stats() const noexcept
{
    return core_->stats();
}

void Server::close()
{
    core_->close();
}

boost::asio::any_io_executor Server::executor_of(const Core& core)
{
    return core.executor();
}

void Server::start_drain(const std::shared_ptr<Core>& core, Duration grace,
                         boost::asio::any_io_executor executor, DrainHandler handler)
{
    core->drain(grace, std::move(executor), std::move(handler));
}

Server serve(const Universe& universe, ServerOptions options)
{
    const std::string where = authority(options.address, options.port);
    auto core = std::make_shared<Server::Core>(universe, checked(std::move(options)));
    try {
        core->begin();
    } catch (const boost::system::system_error& failed) {
        throw boost::system::system_error(failed.code(), "cannot listen on " + where);
    }
    return Server(std::move(core));
}

}  // namespace galaxy::http

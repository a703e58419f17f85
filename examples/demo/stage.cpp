// SPDX-License-Identifier: BSL-1.0
#include "demo/stage.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace demo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto start_limit = 10s;
constexpr std::string_view host = "127.0.0.1";

std::uint16_t await_port(support::Process& process)
{
    const std::string where = process.await_line("listening on ", start_limit);
    return static_cast<std::uint16_t>(std::stoul(where.substr(where.rfind(':') + 1)));
}

std::size_t count_peers(const std::string& stats)
{
    boost::system::error_code error;
    const boost::json::value json = boost::json::parse(stats, error);
    const boost::json::object* const all = json.if_object();
    const boost::json::value* const peers = all ? all->if_contains("peers") : nullptr;
    return peers && peers->is_object() ? peers->get_object().size() : 0;
}

}  // namespace

void Stage::set_up(const Catalogue& catalogue)
{
    const fs::path file = folder_ / "files.sqlite";
    write_database(catalogue, file);
    database_.emplace(std::vector<std::string>{GALAXY_DEMO_DATABASE, file.string(),
                                               std::to_string(query_milliseconds),
                                               std::to_string(queries_at_once)});
    database_port_ = await_port(*database_);

    node_ports_.assign(node_count, 0);
    const std::ofstream empty(folder_ / "peers");  // the nodes wait for what will stand there
    for (std::size_t i = 0; i < node_count; ++i) start_node(i, 0);
    write_peers();
}

void Stage::start_node(std::size_t i, std::uint16_t port)
{
    const std::string origin =
        "http://" + std::string(host) + ":" + std::to_string(database_port_) + "/";
    nodes_[i].emplace(std::vector<std::string>{
        GALAXY_NODE, "--listen", std::string(host) + ":" + std::to_string(port), "--id",
        node_ids[i], "--galaxy", "files", "--origin", origin, "--peers",
        (folder_ / "peers").string(), "--backoff-max",
        "1s",  // so that a node that is back is noticed within the act
    });
    node_ports_[i] = await_port(*nodes_[i]);
}

void Stage::write_peers() const
{
    // Renamed into place, so that nobody reads half of it.
    {
        std::ofstream file(folder_ / "peers.new");
        for (std::size_t i = 0; i < node_count; ++i)
            file << node_ids[i] << '=' << host << ':' << node_ports_[i] << '\n';
    }
    fs::rename(folder_ / "peers.new", folder_ / "peers");
}

boost::asio::awaitable<void> Stage::await_ready(boost::asio::any_io_executor executor)
{
    const auto deadline = std::chrono::steady_clock::now() + start_limit;
    boost::asio::steady_timer timer(executor);
    for (const std::uint16_t port : node_ports_) {
        support::Client client(executor, std::string(host), port);
        for (;;) {
            const std::string target = "/stats";
            const support::Answer stats = co_await client.get(target, start_limit);
            if (stats.status == 200 && count_peers(stats.body) + 1 >= node_count) break;
            if (std::chrono::steady_clock::now() > deadline)
                throw std::runtime_error("a node does not learn who its peers are");
            timer.expires_after(20ms);
            co_await timer.async_wait(boost::asio::use_awaitable);
        }
    }
}

void Stage::kill_node(std::size_t i)
{
    nodes_[i]->signal(SIGKILL);
    nodes_[i]->wait_for(start_limit);
    nodes_[i].reset();
}

void Stage::restart_node(std::size_t i)
{
    start_node(i, node_ports_[i]);
}

std::string Stage::casualty()
{
    if (database_ && database_->exit_code()) return "the database ended: " + database_->err();
    for (std::size_t i = 0; i < node_count; ++i)
        if (nodes_[i] && nodes_[i]->exit_code())
            return "node " + std::string(node_ids[i]) + " ended: " + nodes_[i]->err();
    return {};
}

}  // namespace demo

// SPDX-License-Identifier: BSL-1.0
#include "integration/node_process.hpp"

#include "support/escape.hpp"
#include "support/places.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace galaxy::test {
namespace {

using namespace std::chrono_literals;

Words command(std::string id, Words flags)
{
    Words words{node_program(), "--id", std::move(id), "--galaxy", "g"};
    if (std::find(flags.begin(), flags.end(), "--listen") == flags.end()) {
        words.push_back("--listen");
        words.push_back("127.0.0.1:0");
    }
    words.insert(words.end(), flags.begin(), flags.end());
    return words;
}

std::uint16_t await_port(support::Process& process)
{
    const std::string where = process.await_line("listening on ", 1min);
    return static_cast<std::uint16_t>(std::stoul(where.substr(where.rfind(':') + 1)));
}

}  // namespace

Words with_time(Words flags)
{
    Words words{"--get-timeout", "10m", "--backend-timeout", "10m", "--connect-timeout", "10m",
                "--silence",     "10m", "--max-wait",        "10m"};
    words.insert(words.end(), flags.begin(), flags.end());  // of two the last one counts
    return words;
}

NodeProcess::NodeProcess(std::string id, Words flags, support::ProcessOptions options)
    : process_(command(std::move(id), std::move(flags)), options), port_(await_port(process_))
{
}

support::Answer NodeProcess::get(std::string_view key) const
{
    return fetch("/get/g/" + support::escape_segment(key));
}

support::Answer NodeProcess::fetch(const std::string& target, const Headers& headers) const
{
    return http_get(port_, target, headers);
}

boost::json::object NodeProcess::stats() const
{
    return boost::json::parse(fetch("/stats").body).as_object();
}

std::uint64_t NodeProcess::count(std::string_view counter) const
{
    return boost::json::value_to<std::uint64_t>(stats().at("galaxies").at("g").at(counter));
}

std::uint64_t NodeProcess::count(std::string_view peer, std::string_view counter) const
{
    return boost::json::value_to<std::uint64_t>(stats().at("peers").at(peer).at(counter));
}

std::string NodeProcess::circuit(std::string_view peer) const
{
    return boost::json::value_to<std::string>(stats().at("peers").at(peer).at("circuit"));
}

NodeCluster::NodeCluster(std::size_t count, Words flags)
    : flags_(std::move(flags)), ports_(count), nodes_(count)
{
    std::ofstream(folder_ / "peers");
    std::string peers;
    for (std::size_t i = 0; i < count; ++i) {
        nodes_[i] = start(i, 0);
        ports_[i] = nodes_[i]->port();
        peers += id(i) + "=" + nodes_[i]->uri() + "\n";
    }
    std::ofstream(folder_ / "peers.new") << peers;
    std::filesystem::rename(folder_ / "peers.new", folder_ / "peers");
    if (!eventually([&] { return all_ready(); })) throw std::runtime_error("the nodes do not meet");
}

std::unique_ptr<NodeProcess> NodeCluster::start(std::size_t i, std::uint16_t port)
{
    Words flags = flags_;
    for (std::string word : {std::string("--listen"), "127.0.0.1:" + std::to_string(port),
                             std::string("--peers"), (folder_ / "peers").string()})
        flags.push_back(std::move(word));
    return std::make_unique<NodeProcess>(id(i), std::move(flags));
}

bool NodeCluster::all_ready() const
{
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
        return node->stats().at("peers").as_object().size() + 1 >= nodes_.size();
    });
}

std::size_t NodeCluster::owner_of(std::string_view key)
{
    // Any galaxy will do to be told, even one that is not there.
    const support::Answer answer =
        nodes_.front()->fetch("/get/none/" + support::escape_segment(key));
    return static_cast<std::size_t>(answer.header("X-Galaxy-Owner").at(0) - 'a');
}

std::vector<std::string> NodeCluster::keys_owned_by(std::size_t i, std::size_t count,
                                                    std::string_view prefix)
{
    std::vector<std::string> keys;
    for (std::size_t n = 0; keys.size() < count; ++n) {
        std::string key = std::string(prefix) + std::to_string(n);
        if (owner_of(key) != i) continue;
        nodes_.front()->get(key);
        keys.push_back(std::move(key));
    }
    return keys;
}

std::string NodeCluster::unasked_key_of(std::size_t i, std::string_view prefix)
{
    for (std::size_t n = 0;; ++n) {
        std::string key = std::string(prefix) + std::to_string(n);
        if (owner_of(key) == i) return key;
    }
}

void NodeCluster::kill(std::size_t i)
{
    nodes_[i]->process().signal(SIGKILL);
    nodes_[i]->process().wait_for(1min);
}

void NodeCluster::restart(std::size_t i)
{
    nodes_[i].reset();
    nodes_[i] = start(i, ports_[i]);
}

}  // namespace galaxy::test

// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "moments.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

namespace galaxy::testing {

struct Cluster::Node {
    std::string id;
    Universe universe;
    Galaxy galaxy;
    Network network;

    ~Node() { network.detach(id); }
};

namespace {

/// The ids as pickers get them, ascending, with the node that each belongs to.
std::map<std::string, std::size_t> by_id(const std::vector<std::size_t>& nodes)
{
    std::map<std::string, std::size_t> sorted;
    for (std::size_t node : nodes) sorted.emplace(Cluster::id(node), node);
    return sorted;
}

std::vector<Peer> peers_of(const std::vector<std::size_t>& nodes)
{
    std::vector<Peer> peers;
    for (std::size_t node : nodes) peers.push_back({Cluster::id(node), Cluster::id(node)});
    return peers;
}

}  // namespace

Cluster::Cluster(ClusterOptions options)
    : options_(std::move(options)),
      clock_(std::make_shared<ManualClock>()),
      network_(clock_),
      context_(std::make_unique<boost::asio::io_context>()),
      nodes_(options_.nodes)
{
    if (options_.set_peers) {
        for (std::size_t i = 0; i != nodes_.size(); ++i) members_.push_back(i);
    }
    for (std::size_t i = 0; i != nodes_.size(); ++i) start(i);
}

Cluster::~Cluster() = default;

std::string Cluster::id(std::size_t i)
{
    return "n" + std::to_string(i);
}

Universe& Cluster::universe(std::size_t i)
{
    BOOST_ASSERT_MSG(running(i), "the node is stopped");
    return nodes_[i]->universe;
}

Galaxy Cluster::galaxy(std::size_t i) const
{
    BOOST_ASSERT_MSG(running(i), "the node is stopped");
    return nodes_[i]->galaxy;
}

bool Cluster::running(std::size_t i) const
{
    return nodes_.at(i) != nullptr;
}

std::size_t Cluster::owner_of(std::string_view key) const
{
    return nth_owner_of(key, 0);
}

std::size_t Cluster::nth_owner_of(std::string_view key, std::size_t n) const
{
    std::vector<std::string> ids;
    std::vector<std::size_t> nodes;
    for (const auto& [id, node] : by_id(members_)) {
        ids.push_back(id);
        nodes.push_back(node);
    }
    std::vector<std::size_t> ranks(n + 1);
    const std::size_t count = options_.universe.picker.make(std::move(ids))->owners(key, ranks);
    if (n >= count) throw std::out_of_range("the membership has fewer nodes than that rank");
    return nodes[ranks[n]];
}

std::string Cluster::key_owned_by(std::size_t i, std::size_t salt) const
{
    if (std::find(members_.begin(), members_.end(), i) == members_.end()) {
        throw std::out_of_range("the node is no member, and owns no key");
    }
    for (std::size_t attempt = 0;; ++attempt) {
        std::string key = "key " + std::to_string(salt) + "." + std::to_string(attempt);
        if (owner_of(key) == i) return key;
    }
}

void Cluster::stop(std::size_t i)
{
    nodes_.at(i).reset();
}

void Cluster::start(std::size_t i)
{
    if (running(i)) return;
    UniverseOptions universe_options = options_.universe;
    universe_options.name = "cluster";
    universe_options.self = id(i);
    universe_options.fetch_protocol = network_.protocol();
    universe_options.clock = clock_;
    if (universe_options.seed == 0) universe_options.seed = i + 1;
    GalaxyOptions galaxy_options = options_.galaxy;
    if (options_.adjust) options_.adjust(i, universe_options, galaxy_options);

    Universe universe(context_->get_executor(), std::move(universe_options));
    Galaxy galaxy = universe.create("g", backend_.backend(), std::move(galaxy_options));
    if (!members_.empty()) universe.set_peers(peers_of(members_));
    network_.attach(id(i), universe.responder());
    nodes_[i].reset(new Node{id(i), std::move(universe), std::move(galaxy), network_});
}

void Cluster::set_peers(const std::vector<std::size_t>& members)
{
    members_ = members;
    for (const std::unique_ptr<Node>& node : nodes_) {
        if (node) node->universe.set_peers(peers_of(members_));
    }
}

void Cluster::settle()
{
    context_->restart();
    context_->poll();
}

void Cluster::advance(Duration by)
{
    const TimePoint end = after(clock_->now(), by);
    settle();
    while (clock_->armed() > 0 && clock_->next() <= end) {
        clock_->advance(clock_->next() - clock_->now());
        settle();
    }
    clock_->advance(end - clock_->now());
    settle();
}

Result<Value> Cluster::get(std::size_t i, std::string_view key, GetOptions options, Duration within)
{
    auto answer = std::make_shared<std::optional<Result<Value>>>();
    galaxy(i).async_get(key, options, [answer](boost::system::error_code error, Value value) {
        if (error) {
            answer->emplace(error);
        } else {
            answer->emplace(std::move(value));
        }
    });
    const TimePoint end = after(clock_->now(), within);
    settle();
    while (!*answer && clock_->now() < end) {
        clock_->advance(std::min(clock_->next(), end) - clock_->now());
        settle();
    }
    if (!*answer) return boost::system::error_code(errc::timed_out);
    return std::move(**answer);
}

std::string Cluster::faults() const
{
    for (const std::unique_ptr<Node>& node : nodes_) {
        if (!node) continue;
        node->galaxy.check_invariants();
        const std::string broken = broken_equation(node->galaxy.stats());
        if (!broken.empty()) return node->id + ": " + broken;
    }
    return {};
}

}  // namespace galaxy::testing

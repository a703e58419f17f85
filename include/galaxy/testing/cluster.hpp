// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/galaxy.hpp>
#include <galaxy/testing/backend.hpp>
#include <galaxy/testing/clock.hpp>
#include <galaxy/testing/network.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace galaxy::testing {

/// How a cluster is made; the fields not named keep the defaults of their options.
struct ClusterOptions {
    std::size_t nodes = 3;
    GalaxyOptions galaxy = {};
    /// The template for every node; name, self, protocol and clock are the cluster's.
    UniverseOptions universe = {};
    /// False: nodes have no membership until the test sets one.
    bool set_peers = true;
    /// Where a node is to differ from the template: called for each node at each start.
    std::function<void(std::size_t node, UniverseOptions&, GalaxyOptions&)> adjust = {};
};

/// N universes on one `io_context` and one manual clock, joined by a `Network`, each with the
/// galaxy "g" over one shared scripted backend. Nodes are named "n0", "n1", … Single-threaded.
class Cluster {
public:
    explicit Cluster(ClusterOptions options = {});
    ~Cluster();

    std::size_t size() const noexcept { return nodes_.size(); }
    Universe& universe(std::size_t i);
    Galaxy galaxy(std::size_t i) const;
    static std::string id(std::size_t i);

    /// The node that owns `key` by the picker, and the n-th in rank (the owner is the 0th), among
    /// the members last set.
    std::size_t owner_of(std::string_view key) const;
    std::size_t nth_owner_of(std::string_view key, std::size_t n) const;
    /// A key, different for each `salt`, that the node owns.
    std::string key_owned_by(std::size_t i, std::size_t salt = 0) const;

    /// Kills a node as a crash would (its peers see refused connections), or starts it again,
    /// empty.
    void stop(std::size_t i);
    void start(std::size_t i);
    void restart(std::size_t i)
    {
        stop(i);
        start(i);
    }
    bool running(std::size_t i) const;

    /// Gives every running node the same membership.
    void set_peers(const std::vector<std::size_t>& members);

    /// Runs everything that can run at this moment.
    void settle();
    /// Moves the clock to `by` later, ringing every alarm at its own moment and settling after
    /// each.
    void advance(Duration by);

    /// The result of a get, running the cluster and moving its clock, for at most `within`, until
    /// it is there; `timed_out` where it never came.
    Result<Value> get(std::size_t i, std::string_view key, GetOptions options = {},
                      Duration within = std::chrono::seconds(60));

    /// Checks the invariants and the equations of the statistics of every running node; returns a
    /// sentence about the first that fails, or nothing. Call with nothing in flight.
    std::string faults() const;

    boost::asio::io_context& context() noexcept { return *context_; }
    ScriptedBackend& backend() noexcept { return backend_; }
    Network& network() noexcept { return network_; }
    ManualClock& clock() noexcept { return *clock_; }

private:
    struct Node;

    ClusterOptions options_;
    std::shared_ptr<ManualClock> clock_;
    Network network_;
    ScriptedBackend backend_;
    std::unique_ptr<boost::asio::io_context> context_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<std::size_t> members_;
};

/// The equations of docs/stats.md: a sentence about the first that does not hold, or nothing. Valid
/// with nothing in flight.
std::string broken_equation(const GalaxyStats& stats);

}  // namespace galaxy::testing

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "galaxy_core.hpp"

#include <galaxy/universe.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace galaxy {

/// A universe behind its handle. Thread-safe.
class UniverseCore final : private Enrolment, public std::enable_shared_from_this<UniverseCore> {
public:
    /// Checks the options, which may throw.
    static std::shared_ptr<UniverseCore> make(boost::asio::any_io_executor executor,
                                              UniverseOptions options);
    UniverseCore(boost::asio::any_io_executor executor, UniverseOptions options);
    ~UniverseCore();

    std::shared_ptr<GalaxyCore> create(std::string name, Backend backend, GalaxyOptions options);
    std::shared_ptr<GalaxyCore> find(std::string_view name) const;

    Membership& membership() noexcept { return *membership_; }
    const Membership& membership() const noexcept { return *membership_; }

    /// To be called after every change of membership.
    void membership_changed();

    const std::string& name() const noexcept { return options_.name; }
    const std::string& self() const noexcept { return options_.self; }
    const Clock& clock() const noexcept { return *options_.clock; }
    const Logger& logger() const noexcept { return *logger_; }

    /// The executor given; the system's where its context is gone.
    boost::asio::any_io_executor executor() const;

    void drain();
    bool draining() const noexcept { return draining_; }
    bool ready() const;
    bool closed() const noexcept { return closed_; }

    void close();
    /// Calls back once every galaxy has drained, from any thread, also inside.
    void when_drained(std::function<void()> drained);

    UniverseStats stats() const;

private:
    std::shared_ptr<Link> make_link(const Peer& peer);
    std::shared_ptr<RemoteFetcher> make_fetcher(const Peer& peer) const;
    void when_membership_known(std::function<void()> known);
    void log_membership() const;
    std::vector<std::shared_ptr<GalaxyCore>> galaxies() const;
    std::shared_ptr<GalaxyCore> galaxy_after(const GalaxyCore* before) const;
    Surroundings surroundings();
    void context_gone(Garbage& garbage) noexcept override;

    const UniverseOptions options_;  ///< clock and seed filled in
    const std::shared_ptr<const Logger> logger_;
    std::shared_ptr<Membership> membership_;

    mutable std::mutex mutex_;
    boost::asio::any_io_executor executor_;
    std::map<std::string, std::shared_ptr<GalaxyCore>, std::less<>> galaxies_;
    std::vector<std::function<void()>> await_membership_;
    std::atomic<std::uint64_t> next_seed_;
    std::atomic<bool> draining_ = false, ending_ = false, closed_ = false;
};

}  // namespace galaxy

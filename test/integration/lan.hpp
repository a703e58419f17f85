// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace galaxy::test {

/// Why this process cannot have networks of its own; empty where it can.
std::string why_no_lan();

/// Hosts 10.77.0.1, 10.77.0.2, …, each a network namespace of its own, and a thread that carries
/// their packets as well or as badly as a test says. The namespaces have no names: they end with
/// this object, or with the process, however that ends. Thread-safe.
class Lan {
public:
    /// Throws `std::system_error` where `why_no_lan` has an answer.
    explicit Lan(std::size_t hosts);
    ~Lan();

    static std::string address(std::size_t host) { return "10.77.0." + std::to_string(host + 1); }

    /// From now on every packet is this late, each way, and so many are lost.
    void set_delay(std::chrono::milliseconds delay);
    void set_loss(double share);
    /// No packet passes between these two any more; `mend` undoes all cuts.
    void cut(std::size_t one, std::size_t other);
    void mend();

    std::size_t carried() const;
    std::size_t lost() const;

    /// While it lives, its thread is at that host: sockets it opens and processes it starts are.
    class Visit {
    public:
        Visit(const Lan& lan, std::size_t host);
        ~Visit();

    private:
        int home_;
    };

private:
    using Clock = std::chrono::steady_clock;

    struct Host {
        int network = -1;  ///< its namespace
        int tun = -1;      ///< where its packets come out
    };

    static Host make_host(std::size_t number);
    void carry();
    void take(std::size_t from);
    void deliver_due();
    int patience() const;

    mutable std::mutex mutex_;
    std::vector<Host> hosts_;
    std::multimap<Clock::time_point, std::pair<std::size_t, std::string>> on_the_way_;
    std::set<std::pair<std::size_t, std::size_t>> cuts_;
    std::chrono::milliseconds delay_{0};
    double loss_ = 0;
    std::size_t carried_ = 0, lost_ = 0;
    std::mt19937 random_{7};
    int wake_ = -1;
    std::thread carrier_;
};

}  // namespace galaxy::test

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>
#include <galaxy/responder.hpp>
#include <galaxy/time.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace galaxy::testing {

/// What befalls requests to a peer. Where a fault of the peer and one of the direction meet, delays
/// add up; otherwise hanging wins over errors, and errors over garbling.
struct Fault {
    enum class Kind {
        none,
        delay,  ///< nothing but `delay`, which any kind may have: the answer comes that much later
        error,  ///< the answer is `error` (`errc::peer_unreachable`: a refused connection)
        hang,   ///< no answer, ever, and no sign of life: fetches and peeks alike
        hang_fetch_only,  ///< fetches hang, peeks are answered: a stuck request on a living peer
        garble,           ///< the answer is `errc::protocol_error`, after the peer has served it
    };
    Kind kind = Kind::none;
    Duration delay = Duration::zero();
    boost::system::error_code error = {};
};

/// Peers within one process: a fetch protocol without sockets whose faults a test scripts and which
/// counts what it carries. Uris are the ids. Requests run on the executor of the asking universe
/// and are answered through the `Responder` attached under the id; an id that has none refuses.
/// Detach an id before its context goes: that cuts off what is under way, as a crash would. A cheap
/// handle; copies share the network. Thread-safe.
class Network {
public:
    explicit Network(std::shared_ptr<Clock> clock = system_clock());

    /// What to give to `UniverseOptions::fetch_protocol`.
    std::shared_ptr<FetchProtocol> protocol() const;

    void attach(std::string id, Responder responder);
    void detach(std::string_view id);

    void set_fault(std::string id, Fault fault);                    ///< of the peer `id`
    void set_fault(std::string from, std::string to, Fault fault);  ///< of one direction only
    void clear_faults();

    // Requests begun towards a peer, whatever came of them.
    std::uint64_t fetches(std::string_view to) const;
    std::uint64_t fetches(std::string_view from, std::string_view to) const;
    std::uint64_t peeks(std::string_view to) const;
    std::uint64_t peeks(std::string_view from, std::string_view to) const;
    std::uint64_t total_fetches() const;
    /// Requests begun and not yet ended, hung ones included.
    std::uint64_t in_flight() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace galaxy::testing

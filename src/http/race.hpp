// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace galaxy::http {

/// Which of a peer's addresses is tried when, as RFC 8305 ("happy eyeballs") has it: the families
/// in turn, the next as soon as one has failed or has had its share of the time, and the first to
/// be connected wins. So an address that swallows everything costs a share, and no connection.
///
/// Does no I/O and reads no clock.
class Race {
public:
    using Address = boost::asio::ip::address;
    using TimePoint = std::chrono::steady_clock::time_point;

    /// No attempt is of use after `end`.
    explicit Race(TimePoint end) noexcept : end_(end) {}

    /// Addresses in order of preference, which come after those there are. Known ones are left out.
    void add(const std::vector<Address>& addresses);

    /// The address to be tried now, if it is time for one; to be asked again until there is none.
    std::optional<Address> next(TimePoint now);

    /// When it is time for the next, unless an attempt fails before; `TimePoint::max()`: never.
    TimePoint due() const noexcept;

    /// An attempt has failed.
    void failed(const boost::system::error_code& why);

    bool is_empty() const noexcept { return addresses_.empty(); }

    /// Whether all have been tried, and have failed.
    bool is_lost() const noexcept { return begun_ == addresses_.size() && running_ == 0; }

    /// What the attempts have failed for: a shortage of this machine's before anything else, for
    /// then nothing is known of the peer.
    const boost::system::error_code& why() const noexcept { return why_; }

private:
    std::vector<Address> addresses_;
    std::size_t begun_ = 0;
    std::size_t running_ = 0;
    TimePoint due_ = TimePoint::min();
    const TimePoint end_;
    boost::system::error_code why_;
};

/// Whether a race was lost for a reason that lies on this side. The kernel does not say whether it
/// was a port or an address to speak from that it had not; that counts only where no other attempt
/// says more.
bool is_of_this_side(const boost::system::error_code& why) noexcept;

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#include "http/race.hpp"

#include "http/sockets.hpp"
#include "moments.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace galaxy::http {

using boost::system::error_code;

namespace {

/// The longest that one attempt keeps the next waiting, as RFC 8305 recommends, and the shortest.
constexpr std::chrono::steady_clock::duration most_alone = std::chrono::milliseconds(250);
constexpr std::chrono::steady_clock::duration least_alone = std::chrono::milliseconds(10);

bool is_no_local_address(const error_code& error) noexcept
{
    return error == error_code(EADDRNOTAVAIL, boost::system::system_category());
}

/// How much an error says, where several attempts fail.
int weight(const error_code& error) noexcept
{
    if (!error) return 0;
    if (is_no_local_address(error)) return 1;
    return is_shortage(error) ? 3 : 2;
}

}  // namespace

bool is_of_this_side(const error_code& why) noexcept
{
    return is_shortage(why) || is_no_local_address(why);
}

void Race::add(const std::vector<Address>& addresses)
{
    std::vector<Address> fresh;
    for (const Address& one : addresses) {
        const bool known = std::ranges::find(addresses_, one) != addresses_.end()
                           || std::ranges::find(fresh, one) != fresh.end();
        if (!known) fresh.push_back(one);
    }
    if (fresh.empty()) return;
    if (begun_ == addresses_.size()) due_ = TimePoint::min();

    bool six = addresses_.empty() ? fresh.front().is_v6() : addresses_.back().is_v4();
    while (!fresh.empty()) {
        auto next = std::ranges::find(fresh, six, &Address::is_v6);
        if (next == fresh.end()) next = fresh.begin();
        addresses_.push_back(*next);
        fresh.erase(next);
        six = !six;
    }
}

std::optional<Race::Address> Race::next(TimePoint now)
{
    if (begun_ == addresses_.size() || (running_ > 0 && now < due_)) return std::nullopt;
    Address one = addresses_[begun_++];
    ++running_;
    const std::size_t left = addresses_.size() - begun_;
    const auto share = std::max(between(now, end_), least_alone) / static_cast<long>(left + 1);
    due_ = after(now, std::clamp(share, least_alone, most_alone));
    return one;
}

Race::TimePoint Race::due() const noexcept
{
    return begun_ == addresses_.size() ? TimePoint::max() : due_;
}

void Race::failed(const error_code& why)
{
    --running_;
    due_ = TimePoint::min();
    if (weight(why) > weight(why_)) why_ = why;
}

}  // namespace galaxy::http

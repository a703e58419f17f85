// SPDX-License-Identifier: BSL-1.0
#include <galaxy/picker.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace galaxy {
namespace {

constexpr std::size_t go_segments = 50;

/// Among so many ranks a peer is looked for one by one.
constexpr std::size_t most_counted = 8;

constexpr std::array<std::uint32_t, 256> crc_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte != table.size(); ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit != 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
        table[byte] = crc;
    }
    return table;
}();

void check(std::size_t segments, const HashRing::Hash& hash)
{
    if (segments == 0)
        throw std::invalid_argument("a hash ring with no segments per peer has no owners; give "
                                    "each peer one or more, such as 50");
    if (!hash)
        throw std::invalid_argument(
            "a hash ring cannot place peers with an empty hash; pass one, such as HashRing::crc32");
}

// A function object cannot be compared, so it is asked: three agreements are no accident.
bool is_crc32(const HashRing::Hash& hash)
{
    constexpr std::array<std::string_view, 3> probes{"", "0galaxy", "123456789"};
    return std::ranges::all_of(
        probes, [&](std::string_view probe) { return hash(probe) == HashRing::crc32(probe); });
}

// Where Go galaxycache looks for the owner in rank `replica`: at the hash of the key, and for the
// further ranks at the hash of the key, AA AA, and the replica's number as an unsigned varint.
std::string replica_key(std::string_view key, std::size_t replica)
{
    std::string name(key);
    name += "\xaa\xaa";
    for (; replica >= 0x80; replica >>= 7) name += static_cast<char>(replica | 0x80);
    name += static_cast<char>(replica);
    return name;
}

}  // namespace

HashRing::HashRing(std::vector<std::string> ids, std::size_t segments, Hash hash)
    : peers_(ids.size()), hash_(std::move(hash))
{
    check(segments, hash_);
    points_.reserve(peers_ * segments);
    for (std::uint32_t peer = 0; peer != peers_; ++peer)
        for (std::size_t segment = 0; segment != segments; ++segment)
            points_.push_back({hash_(std::to_string(segment) + ids[peer]), peer});

    // Where peers share a point the greater name wins: it is sorted to the front, the rest goes.
    std::ranges::sort(points_, [&](const Point& a, const Point& b) {
        return std::tie(a.hash, ids[b.peer]) < std::tie(b.hash, ids[a.peer]);
    });
    const auto shared = std::ranges::unique(points_, {}, &Point::hash);
    points_.erase(shared.begin(), shared.end());
    points_.shrink_to_fit();
}

std::size_t HashRing::at_or_after(std::uint32_t hash) const noexcept
{
    const auto point = std::ranges::lower_bound(points_, hash, {}, &Point::hash);
    return point == points_.end() ? 0 : static_cast<std::size_t>(point - points_.begin());
}

std::size_t HashRing::owners(std::string_view key, std::span<std::size_t> ranks) const
{
    const std::size_t count = std::min(ranks.size(), peers_);
    std::vector<bool> many(count > most_counted ? peers_ : 0);  // who is taken, where many are
    for (std::size_t rank = 0; rank != count; ++rank) {
        const auto found = ranks.first(rank);
        const auto taken = [&](std::size_t peer) {
            return many.empty() ? std::ranges::count(found, peer) != 0 : many[peer];
        };

        std::size_t at = at_or_after(rank == 0 ? hash_(key) : hash_(replica_key(key, rank)));
        std::size_t steps = 0;
        while (steps != points_.size() && taken(points_[at].peer)) {
            at = at + 1 == points_.size() ? 0 : at + 1;
            ++steps;
        }
        std::size_t peer = points_[at].peer;
        // A peer that lost every point to greater names owns nothing, but still ranks behind all
        // others.
        if (steps == points_.size())
            for (peer = 0; taken(peer);) ++peer;
        ranks[rank] = peer;
        if (!many.empty()) many[peer] = true;
    }
    return count;
}

std::uint32_t HashRing::crc32(std::string_view bytes)
{
    std::uint32_t crc = 0xffffffff;
    for (const char byte : bytes)
        crc = crc_table[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
    return ~crc;
}

std::uint32_t HashRing::fnv1a(std::string_view bytes)
{
    std::uint32_t hash = 2166136261u;
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619u;
    return hash;
}

PickerFactory hash_ring(std::size_t segments, HashRing::Hash hash, std::string hash_name)
{
    check(segments, hash);
    const bool crc32 = is_crc32(hash);
    // Two rings of one description would look alike to the nodes that compare digests.
    if (!crc32 && hash_name == "crc32")
        throw std::invalid_argument(
            "a hash ring whose hash is not CRC-32 is named \"crc32\"; pass a hash_name of its own");
    return {.description = "ring " + hash_name + ' ' + std::to_string(segments),
            .make =
                [segments, hash = std::move(hash)](std::vector<std::string> ids) {
                    return std::make_shared<const HashRing>(std::move(ids), segments, hash);
                },
            .go_compatible = crc32 && segments == go_segments};
}

}  // namespace galaxy

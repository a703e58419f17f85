// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace galaxy {

/// Who owns which key, for one fixed set of peers. Immutable and thread-safe.
class PeerPicker {
public:
    virtual ~PeerPicker() = default;

    /// Writes the indices of the first `ranks.size()` distinct peers for `key`, the owner first,
    /// and returns how many there are: fewer only where there are fewer peers. One that throws, or
    /// names what is no peer, knows nobody for that key, and the log says so: this process's own
    /// backend is asked.
    virtual std::size_t owners(std::string_view key, std::span<std::size_t> ranks) const = 0;
};

/// Makes pickers for successive memberships; the same at every node of a universe.
struct PickerFactory {
    /// Names the algorithm and its parameters; enters the digest by which nodes compare rings.
    std::string description;
    /// Called with the ids in ascending order, without duplicates, possibly none. Not null, which
    /// refuses the membership, as does an exception.
    std::function<std::shared_ptr<const PeerPicker>(std::vector<std::string> ids)> make;
    /// True for the very ring that Go galaxycache uses by default.
    bool go_compatible = false;
};

/// Highest random weight: every peer scores every key, the best score owns it. Balanced within
/// half a percent, and a peer that leaves moves only its own keys. O(peers) a key.
class Rendezvous final : public PeerPicker {
public:
    explicit Rendezvous(std::vector<std::string> ids);

    std::size_t owners(std::string_view key, std::span<std::size_t> ranks) const override;

private:
    std::vector<std::uint64_t> seeds_;
};

/// Consistent hashing on a ring of points, as groupcache and Go galaxycache do it.
class HashRing final : public PeerPicker {
public:
    using Hash = std::function<std::uint32_t(std::string_view)>;

    /// Throws `std::invalid_argument` where `segments` is zero or `hash` is empty.
    HashRing(std::vector<std::string> ids, std::size_t segments, Hash hash);

    std::size_t owners(std::string_view key, std::span<std::size_t> ranks) const override;

    /// CRC-32 of IEEE 802.3.
    static std::uint32_t crc32(std::string_view bytes);
    /// FNV-1a of 32 bits.
    static std::uint32_t fnv1a(std::string_view bytes);

private:
    struct Point {
        std::uint32_t hash;
        std::uint32_t peer;
    };
    std::size_t at_or_after(std::uint32_t hash) const noexcept;

    std::vector<Point> points_;
    std::size_t peers_;
    Hash hash_;
};

/// The default: `Rendezvous`.
PickerFactory rendezvous();

/// `HashRing`. With no arguments, what Go galaxycache uses: a mixed universe needs exactly that.
PickerFactory hash_ring(std::size_t segments = 50, HashRing::Hash hash = HashRing::crc32,
                        std::string hash_name = "crc32");

}  // namespace galaxy

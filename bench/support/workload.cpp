// SPDX-License-Identifier: BSL-1.0
#include "support/workload.hpp"

#include "support/random.hpp"

#include <algorithm>
#include <numeric>

namespace bench {
namespace {

// Enough to come by most keys, and bounded in memory.
std::size_t length_for(std::size_t residents, std::size_t key_size)
{
    constexpr std::size_t most_bytes = std::size_t{256} << 20;
    const std::size_t wanted = std::clamp<std::size_t>(4 * residents, 1 << 20, 1 << 23);
    const std::size_t chunks = std::min(wanted, most_bytes / key_size) / Requests::chunk;
    return std::max<std::size_t>(chunks, 1) * Requests::chunk;
}

}  // namespace

void write_key(std::uint64_t number, char* to, std::size_t size) noexcept
{
    constexpr std::string_view digits = "0123456789abcdef";
    const std::size_t count = size >= 16 ? 16 : 8;
    // Of a short key's 32 bits each step is a bijection, so that keys stay apart.
    const auto half = static_cast<std::uint32_t>(number) * 0x9e3779b1U;
    std::uint64_t bits = count == 16 ? scramble(number) : (half ^ half >> 15) * 0x85ebca77U;
    std::memset(to, 'k', size - count);
    for (std::size_t i = size; i != size - count; bits >>= 4) to[--i] = digits[bits & 15];
}

std::string make_key(std::uint64_t number, std::size_t size)
{
    std::string key(size, '\0');
    write_key(number, key.data(), size);
    return key;
}

std::string make_value(std::size_t size)
{
    std::string value(size, '\0');
    for (std::size_t i = 0; i != size; ++i) value[i] = static_cast<char>('a' + i % 26);
    return value;
}

Requests::Requests(std::size_t residents, std::size_t key_size, const Popularity& popularity)
    : key_size_(key_size),
      chunks_(length_for(residents, key_size) / chunk),
      bytes_(chunks_ * chunk * key_size)
{
    // The most popular key is any of them, so that popularity is not the order of addresses.
    Random random(1);
    std::vector<std::uint32_t> key_of_rank(residents);
    std::iota(key_of_rank.begin(), key_of_rank.end(), 0U);
    std::shuffle(key_of_rank.begin(), key_of_rank.end(), random);

    const Zipf zipf(residents, popularity.exponent);
    for (std::size_t i = 0; i != chunks_ * chunk; ++i) {
        std::size_t rank = 0;
        if (popularity.kind == Popularity::Kind::zipf) rank = zipf(random);
        if (popularity.kind == Popularity::Kind::uniform) rank = random.below(residents);
        write_key(key_of_rank[rank], bytes_.data() + i * key_size, key_size);
    }
}

}  // namespace bench

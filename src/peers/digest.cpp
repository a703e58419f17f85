// SPDX-License-Identifier: BSL-1.0
#include "peers/digest.hpp"

#include "peers/stable_hash.hpp"

#include <algorithm>
#include <cassert>

namespace galaxy {
namespace {

// The length in front keeps {"ab", "c"} and {"a", "bc"} apart, whatever bytes an id may hold.
void append(std::string& text, std::string_view part)
{
    text += std::to_string(part.size());
    text += ':';
    text += part;
}

}  // namespace

std::string ring_digest(std::string_view picker_description,
                        const std::vector<std::string>& sorted_ids)
{
    assert(std::ranges::is_sorted(sorted_ids));
    std::string text;
    append(text, picker_description);
    for (const std::string& id : sorted_ids) append(text, id);

    std::string digest(16, '0');
    std::uint64_t hash = stable_hash(text);
    for (auto digit = digest.rbegin(); digit != digest.rend(); ++digit, hash >>= 4)
        *digit = "0123456789abcdef"[hash & 0xf];
    return digest;
}

}  // namespace galaxy

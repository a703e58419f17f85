// SPDX-License-Identifier: BSL-1.0
#include "node/memory.hpp"

#include "node/log.hpp"
#include "node/values.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

namespace node {
namespace {

namespace fs = std::filesystem;

// Version 1 says "no limit" with the largest multiple of a page: what no machine has is no limit.
constexpr std::size_t unlimited = std::size_t{1} << 60;

void take_limit(const fs::path& file, std::optional<std::size_t>& least)
{
    std::ifstream stream(file);
    std::string text;
    if (!(stream >> text)) return;
    const std::optional<std::uint64_t> bytes = parse_number(text);
    if (bytes && *bytes < unlimited) least = std::min<std::size_t>(least.value_or(*bytes), *bytes);
}

// The group's own directory may lie outside of what a container sees; those above it still count.
void take_limits(const fs::path& mount, std::string_view group, const char* file,
                 std::optional<std::size_t>& least)
{
    for (fs::path path = fs::path(group).relative_path(); !path.empty(); path = path.parent_path())
        take_limit(mount / path / file, least);
    take_limit(mount / file, least);
}

bool lists(std::string_view controllers, std::string_view wanted)
{
    while (!controllers.empty()) {
        const std::size_t comma = std::min(controllers.find(','), controllers.size());
        if (controllers.substr(0, comma) == wanted) return true;
        controllers.remove_prefix(std::min(comma + 1, controllers.size()));
    }
    return false;
}

}  // namespace

std::optional<std::size_t> memory_limit(const fs::path& root)
{
    std::optional<std::size_t> least;
    const fs::path mount = root / "sys/fs/cgroup";
    std::ifstream groups(root / "proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        // "0::/path" is version 2, "4:memory:/path" version 1.
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (first == line.npos || second == line.npos) continue;
        const std::string_view controllers =
            std::string_view(line).substr(first + 1, second - first - 1);
        const std::string_view group = std::string_view(line).substr(second + 1);
        if (line.starts_with("0::")) take_limits(mount, group, "memory.max", least);
        if (lists(controllers, "memory"))
            take_limits(mount / "memory", group, "memory.limit_in_bytes", least);
    }
    return least;
}

std::size_t max_held_for(std::optional<std::size_t> memory_limit)
{
    constexpr std::size_t least = std::size_t{8} << 20;
    constexpr std::size_t most = std::size_t{256} << 20;
    return memory_limit ? std::clamp(*memory_limit / 8, least, most) : most;
}

void log_memory(std::size_t capacity, std::size_t max_held)
{
    const std::string bytes = std::to_string(capacity);
    const std::string held = std::to_string(max_held);
    const std::optional<std::size_t> limit = memory_limit();
    if (!limit) {
        log_info("capacity; no memory limit is set", {{"capacity", bytes}, {"max_held", held}});
        return;
    }
    const double share = 100 * (static_cast<double>(capacity) + static_cast<double>(max_held))
                         / static_cast<double>(std::max<std::size_t>(*limit, 1));
    const std::string percent = std::to_string(static_cast<long long>(share)) + "%";
    const std::string limit_text = std::to_string(*limit);
    if (share > 70) {
        log_warning("capacity and max_held are more than 70% of the memory limit; the process may "
                    "be killed",
                    {{"capacity", bytes},
                     {"max_held", held},
                     {"memory_limit", limit_text},
                     {"share", percent}});
    } else {
        log_info("capacity against the memory limit", {{"capacity", bytes},
                                                       {"max_held", held},
                                                       {"memory_limit", limit_text},
                                                       {"share", percent}});
    }
}

}  // namespace node

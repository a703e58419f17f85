// SPDX-License-Identifier: BSL-1.0
#include "node/memory.hpp"

#include "node/values.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

#include <sys/resource.h>

namespace node {
namespace {

namespace fs = std::filesystem;

// Version 1 says "no limit" with the largest multiple of a page: what no machine has is no limit.
constexpr std::size_t unlimited = std::size_t{1} << 60;

// Of glibc, the type of a resource is its own.
std::optional<std::size_t> own_limit(decltype(RLIMIT_DATA) resource)
{
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
    return static_cast<std::size_t>(limit.rlim_cur);
}

void take_limit(std::optional<std::size_t> bytes, std::optional<std::size_t>& least)
{
    if (bytes && *bytes < unlimited) least = std::min(least.value_or(*bytes), *bytes);
}

void take_limit(const fs::path& file, std::optional<std::size_t>& least)
{
    std::ifstream stream(file);
    std::string text;
    if (!(stream >> text)) return;
    take_limit(parse_number(text), least);
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

ResourceLimits resource_limits()
{
    return {own_limit(RLIMIT_DATA), own_limit(RLIMIT_AS), own_limit(RLIMIT_NOFILE)};
}

std::optional<std::size_t> memory_limit(const ResourceLimits& own, const fs::path& root)
{
    std::optional<std::size_t> least;
    take_limit(own.data, least);
    take_limit(own.address_space, least);
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

}  // namespace node

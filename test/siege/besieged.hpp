// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/process.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace galaxy::siege {

/// What a node under siege has: few descriptors and little memory.
inline constexpr std::size_t node_descriptors = 300;
inline constexpr std::size_t node_memory = std::size_t{256} << 20;

/// A control group with a memory limit, version 2 or 1, where this process may make one.
class MemoryCell {
public:
    static std::optional<MemoryCell> make(std::size_t limit);
    MemoryCell(MemoryCell&& other) noexcept;
    MemoryCell& operator=(MemoryCell&&) = delete;
    ~MemoryCell();

    /// Where a process writes its id to enter.
    std::string door() const { return (folder_ / "cgroup.procs").string(); }

private:
    explicit MemoryCell(std::filesystem::path folder) : folder_(std::move(folder)) {}

    std::filesystem::path folder_;  ///< empty once moved from
};

/// A galaxy-node that serves "g" on a free port of 127.0.0.1, and dies with this.
class Besieged {
public:
    /// `words` are flags beyond those that every node has; `log`: where its errors go.
    Besieged(const std::string& origin, const std::vector<std::string>& words,
             const std::string& log);

    std::uint16_t port() const noexcept { return port_; }
    /// Who is being killed has no memory before it has ended.
    bool alive() { return !process_.exit_code() && resident() > 0; }
    /// How it ended, in words; waits for it.
    std::string end();
    /// What limits its memory.
    const char* limited_by() const noexcept { return cell_ ? "a control group" : "RLIMIT_DATA"; }

    std::size_t resident() const;
    /// Most memory that was resident since `forget_peak`.
    std::size_t peak() const;
    void forget_peak() const;

private:
    // In this order: the cell can only be taken away once nobody is in it.
    std::optional<MemoryCell> cell_;
    ::support::Process process_;
    std::uint16_t port_;
};

}  // namespace galaxy::siege

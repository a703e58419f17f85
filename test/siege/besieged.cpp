// SPDX-License-Identifier: BSL-1.0
#include "siege/besieged.hpp"

#include <cerrno>
#include <chrono>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace galaxy::siege {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// Begins as a shell, which can enter a cell or limit itself, and becomes the node: what it costs
/// to start is limited, too.
Words command(const std::optional<MemoryCell>& cell, const std::string& origin, const Words& more)
{
    const std::string kilobytes = std::to_string(node_memory / 1024);
    Words words = {"/bin/sh", "-c",
                   cell ? "echo $$ >'" + cell->door() + "' && exec \"$@\""
                        : "ulimit -d " + kilobytes + " && exec \"$@\"",
                   "sh", GALAXY_NODE};
    // Else as by default: a node is to know by itself what it can afford.
    const Words flags = {"--id",     "a",           "--galaxy", "g",
                         "--listen", "127.0.0.1:0", "--origin", origin};
    words.insert(words.end(), flags.begin(), flags.end());
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

class File {
public:
    explicit File(const std::string& path)
        : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644))
    {
        if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { ::close(fd_); }
    int fd() const noexcept { return fd_; }

private:
    int fd_;
};

std::uint16_t await_port(::support::Process& process)
{
    const std::string where = process.await_line("listening on ", std::chrono::seconds(20));
    return static_cast<std::uint16_t>(std::stoul(where.substr(where.rfind(':') + 1)));
}

bool write(const fs::path& file, const std::string& text)
{
    std::ofstream stream(file);
    return static_cast<bool>(stream << text << std::flush);
}

}  // namespace

std::optional<MemoryCell> MemoryCell::make(std::size_t limit)
{
    const std::string name = "galaxy-siege-" + std::to_string(::getpid());
    constexpr std::pair<const char*, const char*> versions[] = {
        {"/sys/fs/cgroup", "memory.max"},
        {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
    };
    for (const auto& [root, file] : versions) {
        std::error_code error;
        const fs::path folder = fs::path(root) / name;
        if (!fs::create_directory(folder, error)) continue;
        // In a directory of another kind the file is not there, or is an ordinary one.
        if (fs::exists(folder / file, error) && write(folder / file, std::to_string(limit)))
            return MemoryCell(folder);
        fs::remove(folder, error);
    }
    return std::nullopt;
}

MemoryCell::MemoryCell(MemoryCell&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}

MemoryCell::~MemoryCell()
{
    std::error_code ignored;
    if (!folder_.empty()) fs::remove(folder_, ignored);
}

Besieged::Besieged(const std::string& origin, const Words& words, const std::string& log)
    : cell_(MemoryCell::make(node_memory)),
      process_(command(cell_, origin, words),
               {.max_descriptors = node_descriptors, .err = File(log).fd()}),
      port_(await_port(process_))
{
}

std::string Besieged::end()
{
    const int code = process_.wait_for(std::chrono::seconds(10)).value_or(0);
    return code > 128 ? "signal " + std::to_string(code - 128) : "exit " + std::to_string(code);
}

std::size_t Besieged::resident() const
{
    return process_.resident_bytes();
}

std::size_t Besieged::peak() const
{
    std::ifstream file("/proc/" + std::to_string(process_.pid()) + "/status");
    std::string word;
    std::size_t kilobytes = 0;
    while (file >> word)
        if (word == "VmHWM:" && file >> kilobytes) break;
    return kilobytes * 1024;
}

void Besieged::forget_peak() const
{
    write("/proc/" + std::to_string(process_.pid()) + "/clear_refs", "5");
}

}  // namespace galaxy::siege

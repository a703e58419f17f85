// SPDX-License-Identifier: BSL-1.0
#include "node/memory.hpp"

#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>

#include <sys/resource.h>

namespace {

/// What a process sees of its control groups, under a folder in place of "/".
class Machine {
public:
    explicit Machine(const std::string& groups_of_process)
    {
        write("proc/self/cgroup", groups_of_process);
    }

    void write(const std::string& file, const std::string& text) const
    {
        const std::filesystem::path path = root_ / file;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }

    std::optional<std::size_t> limit(const node::ResourceLimits& own = {}) const
    {
        return node::memory_limit(own, root_.path());
    }

private:
    support::TemporaryFolder root_{"test"};
};

/// What version 1 says where no limit is set.
const std::string no_limit = "9223372036854771712\n";

}  // namespace

TEST_CASE("The memory limit of a group, by version 2")
{
    const Machine machine("0::/system.slice/galaxy.service\n");
    CHECK(machine.limit() == std::nullopt);
    const std::string group = "sys/fs/cgroup/system.slice/galaxy.service/";
    machine.write(group + "memory.max", "max\n");
    CHECK(machine.limit() == std::nullopt);
    machine.write(group + "memory.max", "134217728\n");
    CHECK(machine.limit() == 134217728u);
    machine.write(group + "memory.max", "0\n");
    CHECK(machine.limit() == 0u);
}

TEST_CASE("The memory limit of a group, by version 1")
{
    const Machine machine("12:cpuset:/\n"
                          "7:cpu,cpuacct:/elsewhere\n"
                          "4:memory:/docker/0123\n"
                          "1:name=systemd:/docker/0123\n"
                          "0::/docker/0123\n");
    CHECK(machine.limit() == std::nullopt);
    const std::string memory = "sys/fs/cgroup/memory/";
    machine.write(memory + "docker/0123/memory.limit_in_bytes", no_limit);
    CHECK(machine.limit() == std::nullopt);
    machine.write(memory + "elsewhere/memory.limit_in_bytes", "1000\n");  // of another controller
    CHECK(machine.limit() == std::nullopt);
    machine.write(memory + "docker/0123/memory.limit_in_bytes", "268435456\n");
    CHECK(machine.limit() == 268435456u);
}

TEST_CASE("Version 1 mounts memory together with other controllers, never under a name like it")
{
    const Machine together("3:cpu,memory:/g\n");
    together.write("sys/fs/cgroup/memory/g/memory.limit_in_bytes", "5000000\n");
    CHECK(together.limit() == 5000000u);
    const Machine alike("3:memory_of_old,cpu:/g\n");
    alike.write("sys/fs/cgroup/memory/g/memory.limit_in_bytes", "5000000\n");
    CHECK(alike.limit() == std::nullopt);
}

TEST_CASE("A tighter limit above the group counts, by either version")
{
    const Machine second("0::/a/b/c\n");
    second.write("sys/fs/cgroup/a/b/c/memory.max", "3000000\n");
    second.write("sys/fs/cgroup/a/b/memory.max", "max\n");
    CHECK(second.limit() == 3000000u);
    second.write("sys/fs/cgroup/a/memory.max", "2000000\n");
    CHECK(second.limit() == 2000000u);
    second.write("sys/fs/cgroup/a/b/d/memory.max", "1000\n");  // a neighbour's
    CHECK(second.limit() == 2000000u);

    const Machine first("4:memory:/a/b\n");
    first.write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", no_limit);
    first.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4000000\n");
    first.write("sys/fs/cgroup/memory/memory.limit_in_bytes", no_limit);
    CHECK(first.limit() == 4000000u);
}

TEST_CASE("In a container the group's own folder is the root of the mount")
{
    const Machine second("0::/\n");
    second.write("sys/fs/cgroup/memory.max", "67108864\n");
    CHECK(second.limit() == 67108864u);

    // The path is that of the host, which nobody sees in here.
    const Machine first("4:memory:/docker/0123456789\n");
    first.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n");
    CHECK(first.limit() == 67108864u);
}

TEST_CASE("Where both versions are in use, the one that has the memory decides")
{
    const Machine machine("4:memory:/g\n0::/g\n");
    machine.write("sys/fs/cgroup/memory/g/memory.limit_in_bytes", "8000000\n");
    CHECK(machine.limit() == 8000000u);
    machine.write("sys/fs/cgroup/g/memory.max", "7000000\n");
    CHECK(machine.limit() == 7000000u);
}

TEST_CASE("The process's own limits count too, the tightest of all")
{
    const Machine machine("0::/g\n");
    CHECK(machine.limit({.data = 6'000'000}) == 6'000'000u);
    CHECK(machine.limit({.address_space = 7'000'000}) == 7'000'000u);
    CHECK(machine.limit({.data = 9'000'000, .address_space = 8'000'000}) == 8'000'000u);
    CHECK(machine.limit({.descriptors = 1000}) == std::nullopt);
    machine.write("sys/fs/cgroup/g/memory.max", "5000000\n");
    CHECK(machine.limit({.data = 6'000'000}) == 5'000'000u);
    CHECK(machine.limit({.data = 4'000'000}) == 4'000'000u);
}

TEST_CASE("What getrlimit says of this process")
{
    rlimit descriptors{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &descriptors) == 0);
    const node::ResourceLimits own = node::resource_limits();
    CHECK(own.descriptors.has_value() == (descriptors.rlim_cur != RLIM_INFINITY));
    if (own.descriptors) CHECK(*own.descriptors == descriptors.rlim_cur);
}

TEST_CASE("No control groups, or none that can be understood, are no limit")
{
    const support::TemporaryFolder empty("test");
    CHECK(node::memory_limit({}, empty.path()) == std::nullopt);
    CHECK(node::memory_limit({}, empty / "not even there") == std::nullopt);

    for (const std::string groups :
         {"", "\n\n", "garbage", "0:", "0::", ":::::", "0::relative", "4:memory", "\xff\xfe:\n"}) {
        CAPTURE(groups);
        CHECK(Machine(groups).limit() == std::nullopt);
    }
    for (const std::string text : {"", "\n", "lots", "-1", "-4096", "12 MB?", "12MB", "0x1000",
                                   "1e9", "99999999999999999999999", "+5"}) {
        CAPTURE(text);
        const Machine machine("0::/g\n");
        machine.write("sys/fs/cgroup/g/memory.max", text);
        // The first word is what counts.
        CHECK(machine.limit()
              == (text == "12 MB?" ? std::optional<std::size_t>(12) : std::nullopt));
        machine.write("sys/fs/cgroup/memory.max", "9000000\n");
        CHECK(machine.limit() == (text == "12 MB?" ? 12u : 9000000u));
    }
}

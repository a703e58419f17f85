// SPDX-License-Identifier: BSL-1.0
#include "support/machine.hpp"

#include <galaxy/version.hpp>

#include <boost/json/value.hpp>
#include <boost/version.hpp>

#include <cstdlib>
#include <fstream>
#include <string_view>
#include <thread>

#include <sys/utsname.h>
#include <unistd.h>

namespace bench {

namespace json = boost::json;

namespace {

constexpr std::string_view build = GALAXY_BENCH_BUILD;

std::string cpu_model()
{
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(": ");
        if ((line.starts_with("model name") || line.starts_with("CPU part")) && colon != line.npos)
            return line.substr(colon + 2);
    }
    return "unknown";
}

std::string compiler()
{
#if defined(__clang__)
    return "clang++ " __clang_version__;
#elif defined(__GNUC__)
    return "g++ " __VERSION__;
#else
    return "unknown";
#endif
}

std::string boost_version()
{
    return std::to_string(BOOST_VERSION / 100'000) + "."
           + std::to_string(BOOST_VERSION / 100 % 1000) + "." + std::to_string(BOOST_VERSION % 100);
}

std::string text_of(const json::object& object, std::string_view key)
{
    return std::string(object.at(key).as_string());
}

}  // namespace

json::object describe_machine()
{
    utsname system{};
    ::uname(&system);
    double load[1] = {0};
    if (::getloadavg(load, 1) != 1) load[0] = -1;
    const auto pages = static_cast<double>(::sysconf(_SC_PHYS_PAGES));
    const auto page_size = static_cast<double>(::sysconf(_SC_PAGESIZE));
    return {{"cpu", cpu_model()},
            {"cores", std::thread::hardware_concurrency()},
            {"memory_bytes", static_cast<std::uint64_t>(pages * page_size)},
            {"system", std::string(system.sysname) + " " + system.release + " " + system.machine},
            {"load_average", load[0]},
            {"compiler", compiler()},
            {"boost", boost_version()},
            {"galaxy", std::string(galaxy::version)},
            {"build", std::string(build)}};
}

std::string machine_line(const json::object& machine)
{
    char load[64];
    std::snprintf(load, sizeof load, "%.2f", machine.at("load_average").as_double());
    return text_of(machine, "cpu") + ", "
           + std::to_string(machine.at("cores").to_number<unsigned>()) + " cores, "
           + text_of(machine, "system") + "; " + text_of(machine, "compiler") + ", Boost "
           + text_of(machine, "boost") + ", galaxy " + text_of(machine, "galaxy") + ", "
           + text_of(machine, "build") + "; load " + load;
}

std::string build_warning()
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return "built with a sanitizer: the figures mean nothing";
#else
    if (build == "Release" || build == "RelWithDebInfo") return {};
    return "built as " + std::string(build.empty() ? "no type at all" : build)
           + ", not Release: the figures mean nothing";
#endif
}

}  // namespace bench

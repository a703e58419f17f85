// SPDX-License-Identifier: BSL-1.0
#include "support/child.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <unistd.h>

namespace bench {

namespace json = boost::json;

std::unique_ptr<support::Process> start_child(std::string_view role, const json::object& arguments)
{
    const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    return std::make_unique<support::Process>(std::vector<std::string>{
        program, std::string(child_command), std::string(role), json::serialize(arguments)});
}

json::object ask_child(std::string_view role, const json::object& arguments)
{
    const std::unique_ptr<support::Process> child = start_child(role, arguments);
    const std::string line = child->await_line("result ", std::chrono::hours(24));
    return json::parse(line).as_object();
}

int run_child(const std::vector<std::string>& arguments)
{
    if (arguments.size() != 2) throw std::runtime_error("a child wants a role and its arguments");
    const std::string& role = arguments[0];
    const json::object told = json::parse(arguments[1]).as_object();
    if (role == "serve") {
        serve_galaxy(told);
        return EXIT_SUCCESS;
    }
    json::object result;
    if (role == "fill-galaxy") result = fill_galaxy(told);
    if (role == "fill-sharded") result = fill_sharded(told);
    if (role == "churn-galaxy") result = churn_galaxy(told);
    std::printf("result %s\n", json::serialize(result).c_str());
    std::fflush(stdout);
    return EXIT_SUCCESS;
}

std::string find_program(std::string_view name)
{
    const char* path = std::getenv("PATH");
    std::string_view left = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
    while (!left.empty()) {
        const std::size_t colon = left.find(':');
        const std::string file = std::string(left.substr(0, colon)) + "/" + std::string(name);
        if (::access(file.c_str(), X_OK) == 0) return file;
        left.remove_prefix(colon == left.npos ? left.size() : colon + 1);
    }
    return {};
}

}  // namespace bench

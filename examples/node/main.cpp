// SPDX-License-Identifier: BSL-1.0

// galaxy-node: one galaxy served over HTTP, to its peers and to services in any language.

#include "node/node.hpp"
#include "node/options.hpp"

#include <galaxy/version.hpp>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr int exit_usage = 2;

int run(const std::vector<std::string>& arguments)
{
    node::CommandLine line = node::parse_command_line(arguments);
    if (line.action == node::Action::help) {
        std::cout << node::help_text();
        return EXIT_SUCCESS;
    }
    if (line.action == node::Action::version) {
        std::cout << "galaxy-node " << galaxy::version << '\n';
        return EXIT_SUCCESS;
    }
    node::Node node(std::move(line.options));
    std::cout << "listening on " << node::to_string(node.endpoint()) << std::endl;
    node.run();
    return EXIT_SUCCESS;
}

// One line, whatever the command line brought into it.
int complain(const std::exception& error, int exit_code)
{
    std::string line = error.what();
    for (char& c : line)
        if (static_cast<unsigned char>(c) < ' ') c = '?';
    std::cerr << "galaxy-node: " << line << '\n';
    return exit_code;
}

}  // namespace

int main(int argc, char** argv)
{
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run({argv + 1, argv + argc});
    } catch (const node::UsageError& error) {
        return complain(error, exit_usage);
    } catch (const std::exception& error) {
        return complain(error, EXIT_FAILURE);
    }
}

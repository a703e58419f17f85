// SPDX-License-Identifier: BSL-1.0

// galaxy-node: one galaxy served over HTTP, to its peers and to services in any language.

#include "node/log.hpp"
#include "node/node.hpp"
#include "node/options.hpp"
#include "node/trimmer.hpp"

#include <galaxy/version.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

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
    node::set_up_malloc(line.options.threads);
    const node::LogFlush flush;
    node::Node node(std::move(line.options));
    std::cout << "listening on " << node::to_string(node.endpoint()) << '\n' << std::flush;
    node.run();
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv)
{
    return support::run_program("galaxy-node", argc, argv, run);
}

// SPDX-License-Identifier: BSL-1.0
#include "support/command_line.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>

namespace support {

namespace {

constexpr int exit_usage = 2;

// One line, whatever the command line brought into it.
int complain(std::string_view program, const std::exception& error, int exit_code)
{
    std::string line = error.what();
    for (char& c : line)
        if (static_cast<unsigned char>(c) < ' ') c = '?';
    std::cerr << program << ": " << line << '\n';
    return exit_code;
}

}  // namespace

void reject(std::string_view expected, std::string_view found)
{
    throw std::invalid_argument("expected " + std::string(expected) + ", got \""
                                + std::string(found) + "\"");
}

Argument split_argument(std::string_view argument)
{
    const std::size_t equals = argument.find('=');
    if (equals == argument.npos) return {argument, std::nullopt};
    return {argument.substr(0, equals), argument.substr(equals + 1)};
}

int run_program(std::string_view name, int argc, char** argv,
                const std::function<int(const std::vector<std::string>&)>& run)
{
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run({argv + 1, argv + argc});
    } catch (const UsageError& error) {
        return complain(name, error, exit_usage);
    } catch (const std::exception& error) {
        return complain(name, error, EXIT_FAILURE);
    }
}

}  // namespace support

// SPDX-License-Identifier: BSL-1.0

// galaxy-siege: attacks a node with nothing but its port, and looks at what a good client sees.

#include "siege/siege.hpp"
#include "support/command_line.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>

namespace {

using namespace galaxy::siege;
using support::Flag;
using support::reject;

constexpr int exit_interrupted = 130;

void set_time(Options& options, std::string_view text)
{
    int seconds = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, seconds);
    if (error != std::errc() || rest != end || seconds < 5 || seconds > 86'400)
        reject("seconds, from 5 to 86400", text);
    options.time = std::chrono::seconds(seconds);
}

/// The attacks of a list of names with commas.
void set_attacks(Options& options, std::string_view text)
{
    const std::vector<Attack> all = all_attacks();
    options.attacks.clear();
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        const std::string_view name = text.substr(begin, end - begin);
        const auto found = std::ranges::find(all, name, &Attack::name);
        if (found == all.end()) reject("names of attacks, with commas between them", name);
        options.attacks.push_back(*found);
        begin = end + 1;
    }
}

const std::vector<Flag<Options>>& flags()
{
    static const std::vector<Flag<Options>> all = {
        {"--seconds", "N", "in all (60)", set_time},
        {"--only", "A,B", "these attacks only", set_attacks},
        {"--same-host", "", "attackers have the good client's address, and not one of their own",
         [](Options& o, std::string_view) { o.from = 0x7f000001; }},
        {"--log", "FILE", "to which the node's log is appended",
         [](Options& o, std::string_view text) { o.log = text; }},
    };
    return all;
}

std::string help()
{
    std::string text =
        "usage: galaxy-siege [--seconds N] [--only A,B] ... [-- flags of the node]\n\n"
        "Attacks a galaxy-node with nothing but its port, beside a good client.\n"
        "Exits 0 if everything held, 1 if something did not.\n\n";
    const auto line = [&](std::string left, std::string_view right) {
        left.resize(std::max<std::size_t>(left.size() + 1, 19), ' ');
        text += "  " + left + std::string(right) + "\n";
    };
    for (const Flag<Options>& flag : flags())
        line(std::string(flag.name) + " " + std::string(flag.value), flag.help);
    text += "\nAttacks:\n";
    for (const Attack& attack : all_attacks()) line(std::string(attack.name), attack.what);
    return text;
}

Options parse(const std::vector<std::string>& arguments)
{
    Options options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i] == "--") {
            options.node_words.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                      arguments.end());
            break;
        }
        auto [name, value] = support::split_argument(arguments[i]);
        const Flag<Options>* const flag = support::find_flag(flags(), name);
        if (flag == nullptr)
            throw support::UsageError(arguments[i] + " is not a flag of galaxy-siege; see --help");
        if (flag->value.empty() && value)
            throw support::UsageError(std::string(name) + " takes no value");
        if (!flag->value.empty() && !value) {
            if (++i == arguments.size())
                throw support::UsageError(std::string(name) + " needs a value");
            value = arguments[i];
        }
        flag->apply(options, value.value_or(""));
    }
    return options;
}

// Attackers, the good client and the origin are a connection each.
void allow_many_connections()
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8192);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Before there are threads, which inherit it.
void block_signals()
{
    sigset_t heard;
    ::sigemptyset(&heard);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&heard, number);
    ::sigprocmask(SIG_BLOCK, &heard, nullptr);
}

int report(const Outcome& outcome)
{
    std::printf("%s", table(outcome.results, outcome.quiet).c_str());
    std::vector<std::string> all;
    for (const Result& result : outcome.results)
        for (const std::string& sentence : broken(result, outcome.quiet)) all.push_back(sentence);
    for (const std::string& sentence : all) std::printf("not held: %s\n", sentence.c_str());
    std::fflush(stdout);
    if (outcome.interrupted) return exit_interrupted;
    return all.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run(const std::vector<std::string>& arguments)
{
    if (std::ranges::find(arguments, "--help") != arguments.end()) {
        std::printf("%s", help().c_str());
        return EXIT_SUCCESS;
    }
    const Options options = parse(arguments);
    allow_many_connections();
    block_signals();
    return report(besiege(options));
}

}  // namespace

int main(int argc, char** argv)
{
    return support::run_program("galaxy-siege", argc, argv, run);
}

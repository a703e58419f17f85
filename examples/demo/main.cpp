// SPDX-License-Identifier: BSL-1.0

// galaxy-demo: a database across the network, three nodes of a galaxy before it, what that changes.

#include "demo/acts.hpp"
#include "demo/text.hpp"
#include "support/escape.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>

namespace asio = boost::asio;

namespace {

constexpr int exit_usage = 2;
constexpr int exit_interrupted = 130;

// A thousand callers are a thousand connections, here and at the database.
void allow_many_connections()
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, 8192);
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = wanted;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void invite(const demo::Stage& stage, const demo::Catalogue& catalogue)
{
    const std::vector<std::uint16_t>& ports = stage.node_ports();
    const std::string key = support::escape_segment(catalogue.rows[catalogue.rows.size() / 3].path);
    std::printf("\nThe nodes stay until Ctrl-C. To try:\n"
                "  curl -i http://127.0.0.1:%d/get/files/%s\n"
                "  curl -i http://127.0.0.1:%d/get/files/%s\n"
                "  curl -s http://127.0.0.1:%d/stats\n",
                ports[0], key.c_str(), ports[1], key.c_str(), ports[2]);
    std::fflush(stdout);
}

int report(const demo::Outcome& outcome)
{
    std::printf("\n%s\nfailed requests: %s\n", outcome.table().c_str(),
                demo::grouped(outcome.failed).c_str());
    const std::vector<std::string> broken = outcome.broken();
    for (const std::string& sentence : broken)
        std::printf("not as promised: %s\n", sentence.c_str());
    std::fflush(stdout);
    return broken.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

enum class Afterwards { leave, stay };

int run(Afterwards afterwards)
{
    allow_many_connections();
    const demo::Catalogue catalogue = demo::read_catalogue();
    std::printf("%s files and the packages that own them, from %s, in SQLite\n",
                demo::grouped(catalogue.rows.size()).c_str(), catalogue.source.c_str());
    std::printf("a database across the network: %d ms a query, %d queries at a time\n",
                demo::query_milliseconds, demo::queries_at_once);
    std::fflush(stdout);

    int exit_code = exit_interrupted;
    asio::io_context context(1);
    asio::signal_set signals(context, SIGINT, SIGTERM, SIGHUP);
    signals.async_wait([&](boost::system::error_code error, int) {
        if (!error) context.stop();
    });
    demo::Stage stage;
    stage.set_up(catalogue);
    std::exception_ptr failure;
    asio::co_spawn(context, demo::play(context.get_executor(), stage, catalogue),
                   [&](std::exception_ptr error, demo::Outcome outcome) {
                       failure = error;
                       if (!error) exit_code = report(outcome);
                       if (!error && afterwards == Afterwards::stay) {
                           invite(stage, catalogue);
                       } else {
                           context.stop();
                       }
                   });
    context.run();
    if (failure) {
        const std::string casualty = stage.casualty();
        if (!casualty.empty()) std::fprintf(stderr, "galaxy-demo: %s\n", casualty.c_str());
        std::rethrow_exception(failure);
    }
    return exit_code;
}

}  // namespace

int main(int argc, char** argv)
{
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    auto afterwards = Afterwards::leave;
    for (const std::string_view argument : arguments) {
        if (argument != "--stay") {
            std::fprintf(stderr, "usage: galaxy-demo [--stay]\n");
            return exit_usage;
        }
        afterwards = Afterwards::stay;
    }
    try {
        return run(afterwards);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "galaxy-demo: %s\n", error.what());
        return EXIT_FAILURE;
    }
}

// SPDX-License-Identifier: BSL-1.0
//
// One key in memory, asked for over HTTP by a load generator that knows nothing of galaxy; beside
// a web server that has the answer in its configuration.

#include "rivals/nginx.hpp"
#include "scenarios/scenario.hpp"
#include "support/child.hpp"
#include "support/contest.hpp"
#include "support/workload.hpp"
#include "support/wrk.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <charconv>
#include <memory>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Asks once, and looks whether the value comes.
void check_answer(std::uint16_t port, const std::string& path, const std::string& value)
{
    asio::io_context io;
    tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), port});
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    asio::write(socket, asio::buffer(request));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    if (!answer.starts_with("HTTP/1.1 200 OK\r\n") || !answer.ends_with("\r\n\r\n" + value))
        throw std::runtime_error("a server's answer is not the value");
}

void enter(Contest& contest, const std::string& name, const Options& options, const Wrk& wrk,
           std::uint16_t port)
{
    const std::string path = "/_galaxycache/bench/" + make_key(0, options.key_size);
    check_answer(port, path, make_value(options.value_size));
    contest.add(name, {{"threads", 1}, {"connections", options.callers}},
                [&wrk, &options, port, path](Histogram&) {
                    return wrk.ask(port, path, options.callers, options.seconds);
                });
}

std::uint16_t port_of(support::Process& node)
{
    const std::string line = node.await_line("listening on ", std::chrono::minutes(1));
    std::uint16_t port = 0;
    std::from_chars(line.data(), line.data() + line.size(), port);
    return port;
}

void run_serve(const Options& options, Report& report)
{
    const Wrk wrk;
    const bool too_long = options.value_size > Nginx::longest_value;
    const std::unique_ptr<Nginx> nginx =
        too_long ? nullptr : Nginx::start(make_value(options.value_size));
    Contest contest(options);
    std::unique_ptr<support::Process> node;
    if (wrk.installed()) {
        node = start_child(
            "serve",
            {{"entries", 1}, {"key_size", options.key_size}, {"value_size", options.value_size}});
        enter(contest, "galaxy http", options, wrk, port_of(*node));
        if (nginx) enter(contest, "nginx", options, wrk, nginx->port());
    }
    contest.compare("galaxy http", "nginx", "requests_per_s");
    contest.run();

    Table table = contest.table("one key over HTTP, " + counted(options.callers, "connection")
                                + " of wrk, " + std::to_string(options.key_size) + "-byte key, "
                                + std::to_string(options.value_size) + "-byte value");
    if (!wrk.installed()) table.notes.emplace_back("wrk is not installed: nobody asks");
    if (too_long) {
        table.notes.emplace_back("the value is too long for nginx's configuration");
    } else if (!nginx) {
        table.notes.emplace_back("nginx is not installed");
    }
    report.add(std::move(table));
}

}  // namespace

Scenario serve_scenario()
{
    Options defaults;
    defaults.callers = 64;
    defaults.seconds = std::chrono::duration<double>(1);
    return {"serve",
            "one key over HTTP, asked for by wrk",
            {"--callers", "--key-size", "--value-size", "--rounds", "--seconds", "--only"},
            defaults,
            run_serve};
}

}  // namespace bench

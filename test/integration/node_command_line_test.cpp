// SPDX-License-Identifier: BSL-1.0
#include "integration/node_process.hpp"
#include "support/places.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <fstream>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

const Words good{"--listen", "127.0.0.1:0", "--id", "a", "--galaxy", "g", "--origin", "echo"};

struct Ended {
    int code;
    std::string out;
    std::string err;
};

/// Runs galaxy-node with flags that make it end by itself.
Ended run(const Words& flags)
{
    Words command{node_program()};
    command.insert(command.end(), flags.begin(), flags.end());
    support::Process process(command);
    const std::optional<int> code = process.wait_for(1min);
    return {code.value_or(-1), process.out(), process.err()};
}

Words with(Words flags)
{
    Words all = good;
    all.insert(all.end(), flags.begin(), flags.end());
    return all;
}

Words without(const std::string& flag)
{
    Words all = good;
    const auto at = std::find(all.begin(), all.end(), flag);
    all.erase(at, at + 2);
    return all;
}

bool is_one_line(const std::string& text)
{
    return std::count(text.begin(), text.end(), '\n') == 1 && text.ends_with('\n');
}

TEST_CASE("a wrong command line is one line that names the flag, and exit 2")
{
    struct Wrong {
        Words flags;
        std::string names;
    };
    const auto wrong = GENERATE(values<Wrong>({
        {without("--listen"), "--listen"},
        {without("--id"), "--id"},
        {without("--galaxy"), "--galaxy"},
        {without("--origin"), "--origin"},
        {with({"--nonsense"}), "--nonsense"},
        {with({"--nonsense=1"}), "--nonsense"},
        {with({"stray"}), "stray"},
        {with({"--capacity"}), "--capacity"},
        {with({"--capacity", "--threads", "2"}), "--capacity"},
        {with({"--capacity", "lots"}), "--capacity"},
        {with({"--capacity", "64Q"}), "--capacity"},
        {with({"--capacity", "-1"}), "--capacity"},
        {with({"--capacity", "99999999999999999999"}), "--capacity"},
        {with({"--capacity", "9999999999999G"}), "--capacity"},
        {with({"--max-held", "0"}), "--max-held"},
        {with({"--max-held", "much"}), "--max-held"},
        {with({"--threads", "0"}), "--threads"},
        {with({"--threads", "two"}), "--threads"},
        {with({"--max-backend-loads", "0"}), "--max-backend-loads"},
        {with({"--max-connections", "0"}), "--max-connections"},
        {with({"--max-connections", "many"}), "--max-connections"},
        {with({"--get-timeout", "5"}), "--get-timeout"},
        {with({"--get-timeout", "0s"}), "--get-timeout"},
        {with({"--get-timeout", "-1s"}), "--get-timeout"},
        {with({"--get-timeout", "nan s"}), "--get-timeout"},
        {with({"--get-timeout", "5 s"}), "--get-timeout"},
        {with({"--get-timeout", "9999999999h"}), "--get-timeout"},
        {with({"--connect-timeout", "fast"}), "--connect-timeout"},
        {with({"--silence", ""}), "--silence"},
        {with({"--peek-timeout", "x"}), "--peek-timeout"},
        {with({"--warm-window", "5y"}), "--warm-window"},
        {with({"--backend-timeout", "0"}), "--backend-timeout"},
        {with({"--backoff-min", "1m", "--backoff-max", "1s"}), "--backoff-min"},
        {with({"--fallback-ttl", "ms"}), "--fallback-ttl"},
        {with({"--drain", "soon"}), "--drain"},
        {with({"--idle-reset", "0s"}), "--idle-reset"},
        {with({"--get-ttl", "1d"}), "--get-ttl"},
        {with({"--peek-ttl", "1.2.3s"}), "--peek-ttl"},
        {with({"--listen", "127.0.0.1"}), "--listen"},
        {with({"--listen", ":80"}), "--listen"},
        {with({"--listen", "127.0.0.1:65536"}), "--listen"},
        {with({"--listen", "::1:80"}), "--listen"},
        {with({"--id", ""}), "--id"},
        {with({"--id", "b\xc3\xa4r"}), "--id"},
        {with({"--id", std::string(256, 'x')}), "--id"},
        {with({"--galaxy", "new\nline"}), "--galaxy"},
        {with({"--universe", ""}), "--universe"},
        {with({"--origin", "ftp://x/"}), "--origin"},
        {with({"--origin", "sqlite:"}), "--origin"},
        {with({"--origin", "http://nohost"}), "--origin"},
        {with({"--origin", "http://127.0.0.1:0/"}), "--origin"},
        {with({"--origin", "http://127.0.0.1:1/a?b"}), "--origin"},
        {with({"--origin", "http://127.0.0.1:1/a?b=c"}), "--origin"},
        {with({"--picker", "dice"}), "--picker"},
        {with({"--peer", "b"}), "--peer"},
        {with({"--peer", "=127.0.0.1:1"}), "--peer"},
        {with({"--peer", "b="}), "--peer"},
        {with({"--peer", "b=ftp://127.0.0.1:1"}), "--peer"},
        {with({"--peer", "b=127.0.0.1:1", "--peer", "b=127.0.0.1:2"}), "--peer"},
        {with({"--listen", "127.0.0.1:18", "--peer", "a=127.0.0.1:19"}), "--peer"},
        {with({"--peer", "a=127.0.0.1:1"}), "--peer"},
        {with({"--client-only"}), "--client-only"},
        {with({"--client-only=yes", "--peer", "b=127.0.0.1:1"}), "--client-only"},
    }));
    const Ended ended = run(wrong.flags);
    CAPTURE(wrong.names, ended.err);
    CHECK(ended.code == 2);
    CHECK(ended.out.empty());
    CHECK(is_one_line(ended.err));
    CHECK(ended.err.find(wrong.names) != std::string::npos);
}

TEST_CASE("--help and --version answer and end")
{
    const Ended help = run({"--help"});
    CHECK(help.code == 0);
    for (const char* flag : {"--listen",          "--id",
                             "--galaxy",          "--origin",
                             "--query",           "--peer",
                             "--peers",           "--client-only",
                             "--universe",        "--picker",
                             "--capacity",        "--max-held",
                             "--max-wait",        "--threads",
                             "--max-connections", "--max-backend-loads",
                             "--get-timeout",     "--connect-timeout",
                             "--silence",         "--peek-timeout",
                             "--warm-window",     "--backend-timeout",
                             "--backoff-min",     "--backoff-max",
                             "--fallback-ttl",    "--drain",
                             "--idle-reset",      "--get-ttl",
                             "--peek-ttl",        "--help",
                             "--version"}) {
        CAPTURE(flag);
        CHECK(help.out.find(flag) != std::string::npos);
    }
    const Ended version = run({"--version"});
    CHECK(version.code == 0);
    CHECK(version.out.starts_with("galaxy-node 0."));
}

TEST_CASE("what is not there is one line, and exit 1")
{
    const support::TemporaryFolder folder("test");

    SECTION("no such database")
    {
        const std::string file = (folder / "none.sqlite").string();
        const Ended ended = run(with({"--origin", "sqlite:" + file}));
        CHECK(ended.code == 1);
        CHECK(is_one_line(ended.err));
        CHECK(ended.err.find(file) != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(file));
    }
    SECTION("a database without the table")
    {
        const std::string file = (folder / "empty.sqlite").string();
        std::ofstream(file).flush();
        const Ended ended = run(with({"--origin", "sqlite:" + file}));
        CHECK(ended.code == 1);
        CHECK(is_one_line(ended.err));
    }
    SECTION("no database at all")
    {
        const std::string file = (folder / "text.sqlite").string();
        std::ofstream(file) << std::string(4096, 'x');
        const Ended ended = run(with({"--origin", "sqlite:" + file}));
        CHECK(ended.code == 1);
        CHECK(is_one_line(ended.err));
    }
    SECTION("the port is in use")
    {
        const NodeProcess first("a", {"--origin", "echo"});
        const Ended ended = run(with({"--listen", first.uri()}));
        CHECK(ended.code == 1);
        CHECK(ended.out.empty());
        CHECK(is_one_line(ended.err));
        CHECK(ended.err.find(first.uri()) != std::string::npos);
    }
    SECTION("an address of another machine")
    {
        const Ended ended = run(with({"--listen", "192.0.2.1:0"}));
        CHECK(ended.code == 1);
        CHECK(is_one_line(ended.err));
    }
}

TEST_CASE("flags are taken as --flag value and as --flag=value, the last one counts")
{
    NodeProcess node("a", {"--origin=echo", "--capacity", "1G", "--capacity=3M", "--get-ttl=5m",
                           "--get-timeout", "1.5s", "--warm-window", "0"});
    CHECK(node.count("capacity") == 3u << 20);
}

TEST_CASE("the log tells the limits, in one line")
{
    NodeProcess node("a",
                     {"--origin", "http://127.0.0.1:1/", "--capacity", "12345", "--max-held", "6M",
                      "--max-connections", "17", "--max-backend-loads", "13"},
                     {.max_descriptors = 256});
    const std::string told =
        " capacity=12345 max_held=6291456 max_connections=17 max_backend_loads=13 "
        "origin_connections=13 ";
    std::string line;
    REQUIRE(eventually([&] {
        const std::string log = node.process().err();
        const std::size_t at = log.find(told);
        if (at == log.npos || log.find('\n', at) == log.npos) return false;
        line = log.substr(at, log.find('\n', at) - at);
        return true;
    }));
    CHECK(line.find(" descriptor_limit=256") != line.npos);
    CHECK(line.find(" memory_limit=") != line.npos);
    CHECK(line.find(" share=") != line.npos);
}

}  // namespace
}  // namespace galaxy::test

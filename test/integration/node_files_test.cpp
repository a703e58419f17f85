// SPDX-License-Identifier: BSL-1.0
//
// What a galaxy-node reads and writes besides sockets keeps nobody waiting who asks it for a key.
#include "integration/node_process.hpp"
#include "support/places.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

bool says(NodeProcess& node, const std::string& what)
{
    return eventually([&] { return node.process().err().find(what) != std::string::npos; });
}

std::size_t peers_of(const NodeProcess& node)
{
    return node.stats().at("peers").as_object().size();
}

void write(const std::string& file, const std::string& text)
{
    std::ofstream(file) << text;
}

void make_fifo(const std::string& file)
{
    std::filesystem::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
}

/// A pipe with no room left, and nobody who reads.
class FullPipe {
public:
    FullPipe()
    {
        REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0);
        ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
        const std::string stuff(4096, '.');
        while (::write(ends_[1], stuff.data(), stuff.size()) > 0) {}
        ::fcntl(ends_[1], F_SETFL, 0);
        ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    }
    FullPipe(const FullPipe&) = delete;
    FullPipe& operator=(const FullPipe&) = delete;
    ~FullPipe()
    {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }

    int in() const { return ends_[1]; }

    /// Reads what is there, and adds it to what was read before.
    const std::string& read()
    {
        char buffer[4096];
        for (ssize_t n = 0; (n = ::read(ends_[0], buffer, sizeof buffer)) > 0;)
            text_.append(buffer, static_cast<std::size_t>(n));
        return text_;
    }

private:
    std::array<int, 2> ends_{};
    std::string text_;
};

TEST_CASE("SIGHUP to a node with nothing to read again is logged, and no more")
{
    NodeProcess node("a", with_time({"--origin", "echo"}));
    node.process().signal(SIGHUP);
    CHECK(says(node, "nothing to read again"));
    CHECK(node.get("k").status == 200);
}

TEST_CASE("a reader of the log who stalls keeps no get waiting, and no end")
{
    FullPipe log;
    NodeProcess node("a", with_time({"--origin", "echo", "--drain", "0"}), {.err = log.in()});
    for (int i = 0; i < 10; ++i) {
        node.process().signal(SIGHUP);
        CHECK(node.get("k" + std::to_string(i)).status == 200);
    }
    SECTION("he never comes back")
    {
        node.process().signal(SIGTERM);
        CHECK(node.process().wait_for(1min) == 0);
    }
    SECTION("he comes back")
    {
        CHECK(eventually([&] { return log.read().find("nothing to read") != std::string::npos; }));
        node.process().signal(SIGTERM);
        CHECK(node.process().wait_for(1min) == 0);
        CHECK(log.read().find("ended") != std::string::npos);
    }
}

TEST_CASE("a file of peers that is no file keeps nobody waiting")
{
    const support::TemporaryFolder folder("test");
    const std::string file = (folder / "peers").string();

    SECTION("a FIFO, from the beginning")
    {
        make_fifo(file);
        NodeProcess node("a", with_time({"--origin", "echo", "--peers", file}));
        CHECK(says(node, "not a regular file"));
        CHECK(node.fetch("/ready").status == 503);
        CHECK(node.get("k").status == 200);
    }
    SECTION("a FIFO, in place of a file, and back")
    {
        write(file, "b=127.0.0.1:1\n");
        NodeProcess node("a", with_time({"--origin", "echo", "--peers", file}));
        make_fifo(file);
        CHECK(says(node, "not a regular file"));
        CHECK(peers_of(node) == 1);
        std::filesystem::remove(file);
        write(file, "b=127.0.0.1:1\nc=127.0.0.1:2\n");
        CHECK(eventually([&] { return peers_of(node) == 2; }));
    }
    SECTION("a folder")
    {
        std::filesystem::create_directory(file);
        NodeProcess node("a", with_time({"--origin", "echo", "--peers", file}));
        CHECK(says(node, "not a regular file"));
        CHECK(node.get("k").status == 200);
    }
}

TEST_CASE("a file of peers that is half written is not taken")
{
    const support::TemporaryFolder folder("test");
    const std::string file = (folder / "peers").string();
    write(file, "b=127.0.0.1:1\nc=127.0.0.1:2\n");
    NodeProcess node("a", with_time({"--origin", "echo", "--peers", file}));
    write(file, "b=127.0.0.1:1\nc=127.0.0.1:2");
    CHECK(says(node, "half written"));
    write(file, "b=127.0.0.1:1\nc=127.0.0.1:25\nd=127.0.0.1:3\n");
    CHECK(eventually([&] { return peers_of(node) == 3; }));
}

TEST_CASE("a node of very many peers serves while it reads of them")
{
    const support::TemporaryFolder folder("test");
    const std::string file = (folder / "peers").string();
    constexpr std::size_t count = sanitized ? 3'000 : 60'000;
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += "peer-" + std::to_string(i) + "=127.0.0.1:1\n";
    write(file, "");
    NodeProcess node("a", with_time({"--origin", "echo", "--peers", file}));
    write(file, text);
    bool answers = true;
    const auto taken = [&] {
        answers = answers && node.fetch("/ready").status == 200;  // which has a deadline
        return node.process().err().find("count=" + std::to_string(count + 1)) != std::string::npos;
    };
    CHECK(eventually(taken, 3min));
    CHECK(answers);
}

TEST_CASE("secrets and databases that are no files keep nobody waiting")
{
    const support::TemporaryFolder folder("test");
    const std::string file = (folder / "file").string();

    SECTION("at the start")
    {
        make_fifo(file);
        for (const Words& flags : {Words{"--origin", "echo", "--secret-file", file},
                                   Words{"--origin", "sqlite:" + file, "--query", "select ?1"}}) {
            Words words{node_program(), "--listen", "127.0.0.1:0", "--id", "a", "--galaxy", "g"};
            words.insert(words.end(), flags.begin(), flags.end());
            support::Process process(words);
            CHECK(process.wait_for(1min) == 1);
            CHECK(process.err().find("not a regular file") != std::string::npos);
        }
    }
    SECTION("when they are read again")
    {
        write(file, "open-sesame\n");
        NodeProcess node("a", with_time({"--origin", "echo", "--secret-file", file}));
        make_fifo(file);
        node.process().signal(SIGHUP);
        CHECK(says(node, "not a regular file"));
        CHECK(node.get("k").status == 200);
    }
}

}  // namespace
}  // namespace galaxy::test

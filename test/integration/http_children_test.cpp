// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/server.hpp>

#include "integration/http_node.hpp"

#include <catch2/catch_test_macros.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

/// What the descriptors of a child are, those beyond the standard ones.
std::vector<std::string> descriptors_of_child()
{
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
    const char* const script =
        "for one in /proc/$$/fd/*; do [ ${one##*/} -gt 2 ] && readlink $one; done; true";
    std::array<const char*, 4> words{"/bin/sh", "-c", script, nullptr};
    ::pid_t pid = -1;
    const int failure = ::posix_spawn(&pid, words[0], &actions, nullptr,
                                      const_cast<char* const*>(words.data()), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    if (failure != 0) throw std::runtime_error("no child");
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t size = 0; (size = ::read(pipe[0], piece.data(), piece.size())) > 0;) {
        text.append(piece.data(), static_cast<std::size_t>(size));
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(pid, &status, 0);
    std::vector<std::string> lines;
    std::istringstream all(text);
    for (std::string line; std::getline(all, line);) lines.push_back(line);
    return lines;
}

}  // namespace

TEST_CASE("A child inherits no descriptor of ours", "[http]")
{
    const std::vector<std::string> before = descriptors_of_child();
    Node node({}, {}, "b");
    ScriptedPeer peer(serve_all);
    const auto streams = patient_protocol();
    const auto plain = plain_protocol();
    Caller by_stream(*streams, node.uri()), by_plain(*plain, node.uri()),
        elsewhere(*plain, peer.uri()), by_name(*plain, "localhost:" + std::to_string(node.port()));
    for (Caller* caller : {&by_stream, &by_plain, &elsewhere, &by_name}) {
        REQUIRE(caller->fetch("k").value == "value of k");
        REQUIRE(caller->link->connections() == 1);
    }
    REQUIRE(node.server.connections() == 3);
    CHECK(descriptors_of_child() == before);
}

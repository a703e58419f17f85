// SPDX-License-Identifier: BSL-1.0
#include "node/log_writer.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_bytes = 4096;

std::string notice(std::size_t dropped)
{
    return "dropped " + std::to_string(dropped) + "\n";
}

class Pipe {
public:
    Pipe() { REQUIRE(::pipe(ends_.data()) == 0); }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe()
    {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }

    int in() const { return ends_[1]; }

    /// Writes until there is no room, not even for a byte.
    std::size_t fill() const
    {
        ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
        const std::string stuff(4096, '.');
        std::size_t filled = 0;
        for (const std::size_t piece : {stuff.size(), std::size_t{1}}) {
            for (ssize_t n = 0; (n = ::write(ends_[1], stuff.data(), piece)) > 0;)
                filled += static_cast<std::size_t>(n);
        }
        ::fcntl(ends_[1], F_SETFL, 0);
        return filled;
    }

    /// Waits for so many bytes.
    std::string read(std::size_t size) const
    {
        std::string text(size, '\0');
        std::size_t had = 0;
        while (had < size) {
            const ssize_t n = ::read(ends_[0], text.data() + had, size - had);
            REQUIRE(n > 0);
            had += static_cast<std::size_t>(n);
        }
        return text;
    }

    std::string read_line() const
    {
        std::string line;
        do line += read(1);
        while (line.back() != '\n');
        return line;
    }

private:
    std::array<int, 2> ends_{};
};

TEST_CASE("lines are written in order, and a flush waits for them")
{
    const Pipe pipe;
    node::LogWriter writer(pipe.in(), most_bytes, notice);
    const std::string longer_than_a_pipe_takes_at_once = std::string(4000, 'x') + "\n";
    writer.add("first\n");
    writer.add("second\n");
    CHECK(writer.flush(1min));
    writer.add(longer_than_a_pipe_takes_at_once);
    CHECK(pipe.read_line() == "first\n");
    CHECK(pipe.read_line() == "second\n");
    CHECK(pipe.read_line() == longer_than_a_pipe_takes_at_once);
    CHECK(writer.flush(1min));
}

TEST_CASE("a log that nobody reads keeps nobody waiting, and says what it dropped")
{
    const Pipe pipe;
    const std::size_t filled = pipe.fill();
    node::LogWriter writer(pipe.in(), most_bytes, notice);
    const std::string line = std::string(999, 'x') + "\n";
    std::size_t added = 0;
    for (; added < 100; ++added) writer.add(line);
    CHECK_FALSE(writer.flush(0ms));
    pipe.read(filled);
    std::size_t came = 0;
    std::string last = pipe.read_line();
    for (; last == line; last = pipe.read_line()) ++came;
    CHECK(last.starts_with("dropped "));
    std::size_t dropped = std::stoul(last.substr(8));
    // Lines between the first batch and the second may have been dropped before either.
    while (came + dropped < added) {
        last = pipe.read_line();
        if (last == line) {
            ++came;
        } else {
            dropped += std::stoul(last.substr(8));
        }
    }
    CHECK(came >= 4);
    CHECK(came + dropped == added);
    writer.add("after\n");
    CHECK(pipe.read_line() == "after\n");
}

TEST_CASE("the end of a log does not wait for its reader")
{
    const Pipe pipe;
    pipe.fill();
    node::LogWriter writer(pipe.in(), most_bytes, notice);
    for (int i = 0; i < 10; ++i) writer.add("line\n");
    CHECK_FALSE(writer.flush(1ms));
}

TEST_CASE("a log whose reader is gone goes on")
{
    int descriptor = -1;
    {
        std::array<int, 2> ends{};
        REQUIRE(::pipe(ends.data()) == 0);
        ::close(ends[0]);
        descriptor = ends[1];
    }
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    {
        node::LogWriter writer(descriptor, most_bytes, notice);
        writer.add("line\n");
        CHECK(writer.flush(1min));
    }
    std::signal(SIGPIPE, before);
    ::close(descriptor);
}

}  // namespace

// SPDX-License-Identifier: BSL-1.0
#include "http/dialing.hpp"

#include "http/sockets.hpp"
#include "runtime/sanitizer.hpp"

#include "support/patience.hpp"
#include "support/scripted_names.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace galaxy::http;
using galaxy::Duration;
using galaxy::errc;
using galaxy::test::eventually;
using galaxy::test::LookupsOfTest;
using galaxy::test::ScriptedNames;
namespace asio = boost::asio;
using tcp = asio::ip::tcp;

/// Listens on an address of 127/8 and takes nobody in.
class Listener {
public:
    explicit Listener(const std::string& address, std::uint16_t port = 0, int backlog = 16)
        : acceptor_(io_, tcp::v4())
    {
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        acceptor_.bind({asio::ip::make_address(address), port});
        acceptor_.listen(backlog);
    }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

private:
    asio::io_context io_;
    tcp::acceptor acceptor_;
};

/// An address that swallows everything: its queue of those who wait to be taken in is full.
class BlackHole {
public:
    BlackHole(const std::string& address, std::uint16_t port) : listener_(address, port, 0)
    {
        for (int i = 0; i != 1; ++i) {
            tcp::socket& one = *queue_.emplace_back(std::make_unique<tcp::socket>(io_));
            one.connect(listener_.endpoint());
        }
    }

private:
    asio::io_context io_;
    Listener listener_;
    std::vector<std::unique_ptr<tcp::socket>> queue_;
};

std::uint16_t unused_port()
{
    return Listener("127.0.0.1").port();
}

/// One dialing, and what came of it.
struct Dial {
    Dial(asio::io_context& io, const std::string& host, std::uint16_t port, Duration timeout)
        : strand(asio::make_strand(io)), end(std::chrono::steady_clock::now() + timeout)
    {
        Endpoint endpoint;
        endpoint.host = host;
        endpoint.port = port;
        dialing = Dialing::start(strand, endpoint, Tls(), timeout, [this](Dialed outcome) {
            ++times;
            came = std::move(outcome);
        });
        if (times > 0) throw std::logic_error("done was called inside");
    }

    std::string reached()
    {
        return came.transport ? came.transport->socket().remote_endpoint().address().to_string()
                              : came.error.message() + ": " + came.detail;
    }

    /// Its time passes, and it does not hear of it.
    void sleep_to_its_end() const { std::this_thread::sleep_until(end + 10ms); }

    asio::any_io_executor strand;
    std::chrono::steady_clock::time_point end;
    int times = 0;
    Dialed came;
    std::shared_ptr<Dialing> dialing;
};

/// Dials to the end.
Dialed dialed(const std::string& host, std::uint16_t port, Duration timeout = 1h)
{
    asio::io_context io;
    Dial dial(io, host, port, timeout);
    io.run();
    CHECK(dial.times == 1);
    // Of the context, which ends here, nothing may be left.
    if (dial.came.transport) dial.came.transport->close();
    dial.dialing.reset();
    dial.came.transport.reset();
    return {dial.came.error, dial.came.detail, std::nullopt};
}

std::string reached(const std::string& host, std::uint16_t port, Duration timeout = 1h)
{
    asio::io_context io;
    Dial dial(io, host, port, timeout);
    io.run();
    return dial.reached();
}

/// A lookup that hangs, begun however slow a machine is to start a thread, and wanted while this
/// lives.
class Hanging {
public:
    Hanging(const ScriptedNames& names, const std::string& name, std::size_t times = 1)
        : dial_(io_, name, 1, 1h)
    {
        names.await_asked(name, times);
    }

private:
    asio::io_context io_;
    Dial dial_;
};

/// As many descriptors as are open now, while this lives.
class NoDescriptors {
public:
    NoDescriptors()
    {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit none = before_;
        // The lowest free number is what the next one would be given.
        const int next = ::dup(0);
        ::close(next);
        none.rlim_cur = static_cast<rlim_t>(next);
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("dialing: an address, and a name", "[http][dialing]")
{
    const Listener there("127.0.0.1");
    CHECK(reached("127.0.0.1", there.port()) == "127.0.0.1");

    ScriptedNames names;
    names.set("peer", {"127.0.0.1"});
    const LookupsOfTest lookups(names);
    CHECK(reached("peer", there.port()) == "127.0.0.1");
    CHECK(dialed("nobody", there.port()).error == errc::peer_unreachable);
    CHECK(dialed("peer", unused_port()).error == errc::peer_unreachable);
}

TEST_CASE("dialing: an address that swallows everything hides no other", "[http][dialing]")
{
    const Listener there("127.0.0.1");
    const BlackHole hole("127.0.0.2", there.port());
    ScriptedNames names;
    names.set("peer", {"127.0.0.2", "127.0.0.1"});
    const LookupsOfTest lookups(names);
    CHECK(reached("peer", there.port()) == "127.0.0.1");
}

TEST_CASE("dialing: an address that refuses hides no other", "[http][dialing]")
{
    const Listener there("127.0.0.1");
    ScriptedNames names;
    names.set("peer", {"::1", "127.0.0.3", "127.0.0.1"});
    const LookupsOfTest lookups(names);
    CHECK(reached("peer", there.port()) == "127.0.0.1");
    names.set("peer", {"::1", "127.0.0.3"});
    CHECK(dialed("peer", there.port()).error == errc::peer_unreachable);
}

TEST_CASE("dialing: a name that hangs is the peer's, one that waits in line is nobody's",
          "[http][dialing]")
{
    ScriptedNames names;
    names.hang("silent");
    const LookupsOfTest lookups(names, 1);
    const Hanging hanging(names, "silent");
    const Dialed silent = dialed("silent", 1, 2s);
    CHECK(silent.error == errc::peer_unreachable);
    const Dialed other = dialed("other", 1, 2s);
    CHECK(other.error == errc::busy);
    CHECK(unreached(other.error, other.detail).neutral);
    CHECK_FALSE(unreached(silent.error, silent.detail).neutral);
    CHECK(names.asked("other") == 0);
}

TEST_CASE("dialing: a lookup that ends at the last moment is the peer's all the same",
          "[http][dialing]")
{
    ScriptedNames names;
    names.hang("peer");
    const LookupsOfTest lookups(names);
    asio::io_context io;
    const auto end_lookup = [&] {
        names.let_go("peer");
        CHECK(eventually([&] { return lookups->threads() == 0; }));
    };
    SECTION("its failure was heard, and not told yet")
    {
        Dial dial(io, "peer", 1, 1ms);
        names.await_asked("peer");
        dial.sleep_to_its_end();
        // Called once the timer is known to be over and before what is to be done then.
        asio::post(io, end_lookup);
        io.run();
        CHECK(dial.came.error == errc::peer_unreachable);
        CHECK(dial.came.detail.starts_with("resolving: Host not found"));
    }
    SECTION("its failure was on its way")
    {
        const Hanging hanging(names, "peer");
        Dial dial(io, "peer", 1, 2s);
        dial.sleep_to_its_end();
        // The same, and on the strand after that.
        asio::post(io, [&] { asio::post(dial.strand, end_lookup); });
        io.run();
        CHECK(dial.came.error == errc::peer_unreachable);
        CHECK(dial.came.detail == "resolving: no answer in time");
    }
}

TEST_CASE("dialing: an address that came too late for waiting in line is nobody's failure",
          "[http][dialing]")
{
    const Listener there("127.0.0.1");
    const BlackHole hole("127.0.0.2", there.port());
    ScriptedNames names;
    names.hang("silent");
    names.set("peer", {"127.0.0.2"});
    const LookupsOfTest lookups(names, 1);
    asio::io_context io;
    Dial silent(io, "silent", 1, 1h);
    names.await_asked("silent");
    Dial dial(io, "peer", there.port(), 2s);
    asio::steady_timer later(io, dial.end - 900ms);
    later.async_wait([&](const boost::system::error_code&) { names.let_go("silent"); });
    io.run();
    CHECK(dial.came.error == errc::busy);
    CHECK(silent.came.error == errc::peer_unreachable);
}

TEST_CASE("dialing: what a name stood for last holds while its lookup hangs or fails",
          "[http][dialing]")
{
    const Listener there("127.0.0.1");
    ScriptedNames names;
    names.set("peer", {"127.0.0.1"});
    const LookupsOfTest lookups(names, 1);
    REQUIRE(reached("peer", there.port()) == "127.0.0.1");

    SECTION("fails")
    {
        names.set("peer", Found{asio::error::host_not_found_try_again, {}});
        CHECK(reached("peer", there.port()) == "127.0.0.1");
    }
    SECTION("hangs")
    {
        names.hang("peer");
        CHECK(reached("peer", there.port(), 30s) == "127.0.0.1");
        CHECK(names.asked("peer") == 2);
    }
    SECTION("waits in line")
    {
        names.hang("silent");
        const Hanging hanging(names, "silent");
        CHECK(dialed("silent", 1, 2s).error == errc::peer_unreachable);
        CHECK(reached("peer", there.port(), 30s) == "127.0.0.1");
        CHECK(names.asked("peer") == 1);
    }
    SECTION("and is dead, which is the peer's")
    {
        names.hang("peer");
        const Hanging hanging(names, "peer", 2);
        CHECK(dialed("peer", unused_port(), 2s).error == errc::peer_unreachable);
    }
}

TEST_CASE("dialing: a peer that has moved is found when its slow lookup ends", "[http][dialing]")
{
    const Listener there("127.0.0.1");
    ScriptedNames names;
    names.set("peer", {"127.0.0.9"});
    const LookupsOfTest lookups(names, 1);
    REQUIRE(dialed("peer", there.port()).error == errc::peer_unreachable);

    names.hang("peer");
    names.set("peer", {"127.0.0.1"});
    asio::io_context io;
    Dial dial(io, "peer", there.port(), 30s);
    names.await_asked("peer", 2);
    asio::steady_timer later(io);
    later.expires_after(8s);  // most likely, the old address has been refused by then
    later.async_wait([&](const boost::system::error_code&) { names.let_go("peer"); });
    io.run();
    CHECK(dial.reached() == "127.0.0.1");
}

TEST_CASE("dialing: nothing waits for a lookup once it is given up", "[http][dialing]")
{
    ScriptedNames names;
    names.hang("silent");
    const LookupsOfTest lookups(names);
    asio::io_context io;
    Dial dial(io, "silent", 1, 1h);
    io.poll();
    dial.dialing->cancel();
    io.run();
    CHECK(dial.times == 0);

    // Nor where the context ends.
    auto other = std::make_unique<asio::io_context>();
    Dial cut(*other, "silent", 1, 1h);
    other->poll();
    cut.dialing.reset();
    cut.strand = {};
    other.reset();
    CHECK(cut.times == 0);
}

TEST_CASE("dialing: no descriptor left is this process's trouble", "[http][dialing]")
{
    if (galaxy::under_asan) SKIP("its companion looks at objects through descriptors");
    const Listener there("127.0.0.1");
    ScriptedNames names;
    names.set("peer", {"127.0.0.1", "::1"});
    const LookupsOfTest lookups(names);
    for (const std::string host : {"127.0.0.1", "::1", "peer"}) {
        CAPTURE(host);
        asio::io_context io;
        Dial dial(io, host, there.port(), 1h);
        dial.dialing->cancel();  // the context has made what it needs by now
        io.run();
        io.restart();
        std::optional<Dial> hungry;
        {
            const NoDescriptors none;
            hungry.emplace(io, host, there.port(), 1h);
            io.run();
        }
        CHECK(hungry->came.error == errc::busy);
        hungry.reset();
    }
    CHECK(reached("127.0.0.1", there.port()) == "127.0.0.1");
}

TEST_CASE("dialing: a lookup without a descriptor says so", "[http][dialing]")
{
    if (galaxy::under_asan) SKIP("its companion looks at objects through descriptors");
    CHECK_FALSE(resolve_by_system("localhost").error);  // the system has read its settings
    const NoDescriptors none;
    CHECK(is_shortage(resolve_by_system("localhost.invalid").error));
}

TEST_CASE("dialing: a socket that is its own peer is told from others", "[http][dialing]")
{
    asio::io_context io;
    tcp::socket self(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    self.connect(self.local_endpoint());
    CHECK(is_connected_to_itself(self));

    const Listener there("127.0.0.1");
    tcp::socket other(io);
    other.connect(there.endpoint());
    CHECK_FALSE(is_connected_to_itself(other));
    CHECK_FALSE(is_connected_to_itself(tcp::socket(io)));
}

TEST_CASE("dialing: a dead peer in the ephemeral range refuses, however often it is tried",
          "[http][dialing]")
{
    // The kernel goes through its ports in order, every second one: sooner or later it comes to
    // this one, and connects the socket to itself.
    std::uint16_t port = 0;
    {
        asio::io_context io;
        const Listener there("127.0.0.1");
        tcp::socket one(io);
        one.connect(there.endpoint());
        port = one.local_endpoint().port();
    }
    asio::io_context io;
    std::size_t reached = 0;
    for (int i = 0; i != (galaxy::test::sanitized ? 4000 : 32000); ++i) {
        Dial dial(io, "127.0.0.1", port, 1h);
        io.run();
        io.restart();
        if (dial.came.transport && is_connected_to_itself(dial.came.transport->socket())) ++reached;
    }
    CHECK(reached == 0);
}

// SPDX-License-Identifier: BSL-1.0
#include "integration/node_process.hpp"
#include "integration/wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <system_error>
#include <thread>

#include <sys/resource.h>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

using Clock = std::chrono::steady_clock;

/// Threads that misbehave towards one server until told to stop, and what it made of that.
class Abusers {
public:
    explicit Abusers(std::uint16_t port) : port_(port)
    {
        start([this] { hold_connections(400); });
        start([this] { send_garbage(); });
        start([this] { cut_requests(); });
        start([this] { send_wrong_requests(); });
        start([this] { send_slowly(); });
    }

    void stop()
    {
        stopped_ = true;
        threads_.clear();
    }

    /// Answers that were neither a refusal nor none.
    std::vector<std::string> surprises()
    {
        const std::lock_guard lock(mutex_);
        return surprises_;
    }

private:
    template <class F>
    void start(F f)
    {
        threads_.emplace_back([this, f] {
            while (!stopped_) {
                try {
                    f();
                } catch (const std::system_error&) {
                    std::this_thread::sleep_for(5ms);  // refused, which is its right
                }
            }
        });
    }

    void expect(std::string_view what, const std::string& answer,
                std::initializer_list<const char*> allowed)
    {
        // A server that has no room says 503; one that is tired of a connection closes it.
        if (answer.empty() || answer.starts_with("HTTP/1.1 503")) return;
        for (const char* status : allowed)
            if (answer.starts_with(std::string("HTTP/1.1 ") + status)) return;
        const std::lock_guard lock(mutex_);
        if (surprises_.size() < 10)
            surprises_.push_back(std::string(what) + ": " + answer.substr(0, 60));
    }

    void hold_connections(std::size_t count)
    {
        std::vector<Wire> held;
        held.reserve(count);
        while (held.size() < count && !stopped_) held.push_back(Wire::to(port_));
        const Clock::time_point end = Clock::now() + 3s;
        while (!stopped_ && Clock::now() < end) std::this_thread::sleep_for(20ms);
    }

    void send_garbage()
    {
        std::string bytes;
        for (int i = 0; i < 2000; ++i) bytes += static_cast<char>(random_());
        const Wire wire = Wire::to(port_);
        wire.send(bytes);
        expect("garbage", wire.receive(50ms), {"400", "431", "505"});
    }

    void cut_requests()
    {
        const std::string request = "GET /get/g/cut HTTP/1.1\r\nHost: x\r\nX-Long: value\r\n\r\n";
        for (std::size_t length = 1; length < request.size() && !stopped_; length += 3) {
            Wire wire = Wire::to(port_);
            wire.send(request.substr(0, length));
            if (length % 2 == 0) wire.reset();
        }
    }

    void send_wrong_requests()
    {
        const auto talk = [&](std::string_view what, const std::string& request,
                              std::initializer_list<const char*> allowed) {
            Wire wire = Wire::to(port_);
            wire.send(request);
            expect(what, wire.receive_exactly(12, 200ms), allowed);
        };
        const std::string rest = " HTTP/1.1\r\nHost: x\r\n\r\n";
        talk("DELETE", "DELETE /get/g/x" + rest, {"405"});
        talk("TRACE of a peer path", "TRACE /_galaxycache/g/x" + rest, {"405"});
        talk("no such path", "GET /none" + rest, {"404"});
        talk("broken escape", "GET /_galaxycache/g/%zz" + rest, {"400"});
        talk("header too long",
             "GET /get/g/x HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(300'000, 'l')
                 + "\r\n\r\n",
             {"431"});
        talk("field too long",
             "GET /get/g/x HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(70'000, 'l') + "\r\n\r\n",
             {"431", "400"});
        talk("target too long", "GET /get/g/" + std::string(300'000, 'k') + rest, {"431", "414"});
        talk("body too long",
             "POST /get/g/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
             {"413", "405"});
    }

    void send_slowly()
    {
        std::vector<Wire> slow;
        for (int i = 0; i < 20; ++i) slow.push_back(Wire::to(port_));
        const std::string request =
            "GET /get/g/slow HTTP/1.1\r\nHost: x\r\nX-A: aaaaaaaaaaaaaaaaaaaa\r\n";
        for (std::size_t i = 0; i < request.size() && !stopped_; ++i) {
            for (const Wire& one : slow) one.send(request.substr(i, 1));
            std::this_thread::sleep_for(50ms);
        }
    }

    const std::uint16_t port_;
    std::atomic<bool> stopped_{false};
    std::minstd_rand random_{3};
    std::mutex mutex_;
    std::vector<std::string> surprises_;
    std::vector<std::jthread> threads_;
};

TEST_CASE("abuse under a small descriptor limit harms nobody else", "[timing]")
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 700) SKIP("not enough descriptors to hold four hundred connections");

    NodeProcess node("a", {"--origin", "echo"}, {.max_descriptors = 256});
    for (int i = 0; i < 200; ++i) REQUIRE(node.get("k" + std::to_string(i)).status == 200);
    const std::size_t descriptors = node.process().open_descriptors();
    const std::size_t resident = node.process().resident_bytes();

    std::vector<double> seconds;
    std::size_t refused = 0;
    Abusers abusers(node.port());
    const Clock::time_point end = Clock::now() + endurance(8);
    for (int i = 0; Clock::now() < end; ++i) {
        const Clock::time_point begin = Clock::now();
        try {
            const support::Answer answer = node.get("k" + std::to_string(i % 200));
            if (answer.status != 200) ++refused;
        } catch (const std::exception&) {
            ++refused;
        }
        seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
        std::this_thread::sleep_for(5ms);
    }
    const std::size_t resident_after = node.process().resident_bytes();
    abusers.stop();

    std::sort(seconds.begin(), seconds.end());
    CAPTURE(seconds.size(), refused);
    CHECK(seconds.size() > 100);
    CHECK(refused * 100 <= seconds.size());
    CHECK(seconds[seconds.size() * 99 / 100] < 1.0);
    CHECK(abusers.surprises() == std::vector<std::string>{});
    if (!sanitized) CHECK(resident_after < resident + (10u << 20));
    CHECK_FALSE(node.process().exit_code().has_value());
    CHECK(eventually([&] { return node.process().open_descriptors() <= descriptors; }, 15s));
    CHECK(node.get("k1").status == 200);
}

}  // namespace
}  // namespace galaxy::test

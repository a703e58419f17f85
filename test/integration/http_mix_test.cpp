// SPDX-License-Identifier: BSL-1.0
#include "integration/http_mix.hpp"
#include "integration/wire.hpp"
#include "support/patience.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <netinet/tcp.h>

namespace {

using namespace galaxy::test;

class PlainLine final : public Line {
public:
    explicit PlainLine(std::uint16_t port) : wire_(Wire::to(port))
    {
        const int yes = 1;
        ::setsockopt(wire_.fd(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    void send(std::string_view bytes) override { wire_.send(bytes); }
    std::string receive() override { return wire_.receive(); }

private:
    Wire wire_;
};

}  // namespace

TEST_CASE("Whatever is asked in a row and whoever does not read, nobody gets another's answer",
          "[http][mix]")
{
    const int threads = GENERATE(1, 2, 3, 4);
    const auto connect = [](std::uint16_t port) { return std::make_unique<PlainLine>(port); };
    const Played played =
        play_mix(connect, {}, threads, Catch::getSeed(), sanitized ? 10 : 40, endurance(1) / 4);
    CAPTURE(threads);
    CHECK(played.fault == "");
    WARN(played.answers << " answers by " << threads << " threads");
}

// SPDX-License-Identifier: BSL-1.0
#include "integration/http_mix.hpp"
#include "integration/tls_wire.hpp"
#include "support/certificates.hpp"
#include "support/patience.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <netinet/tcp.h>

#include <stdexcept>

namespace {

using namespace galaxy;
using namespace galaxy::test;

class TlsLine final : public Line {
public:
    TlsLine(std::uint16_t port, const http::TlsOptions& shown)
        : wire_(Wire::to(port)), tls_(wire_, shown)
    {
        const int yes = 1;
        ::setsockopt(wire_.fd(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (!tls_.shake_hands()) throw std::runtime_error("no handshake");
    }
    void send(std::string_view bytes) override
    {
        if (!bytes.empty()) tls_.send(bytes);
    }
    std::string receive() override { return tls_.receive(); }

private:
    Wire wire_;
    TlsWire tls_;
};

}  // namespace

TEST_CASE("Under TLS, too, nobody gets another's answer", "[http][mix][tls]")
{
    Authority authority;
    const http::TlsOptions both = authority.issue("both");
    const int threads = GENERATE(1, 2, 3, 4);
    const auto connect = [&both](std::uint16_t port) {
        return std::make_unique<TlsLine>(port, both);
    };
    const Played played = play_mix(connect, http::Tls(both), threads, Catch::getSeed(),
                                   sanitized ? 10 : 40, endurance(1) / 4);
    CAPTURE(threads);
    CHECK(played.fault == "");
    WARN(played.answers << " answers by " << threads << " threads");
}

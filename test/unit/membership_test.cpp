// SPDX-License-Identifier: BSL-1.0
#include "peers/membership.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using galaxy::Membership;
using galaxy::Peer;
using galaxy::PeerPicker;
using galaxy::PickerFactory;
using galaxy::TimePoint;
using namespace std::chrono_literals;

namespace {

/// Says when it ends.
class Telling final : public PeerPicker {
public:
    explicit Telling(std::function<void()> ended) : ended_(std::move(ended)) {}
    ~Telling() override { ended_(); }

    std::size_t owners(std::string_view, std::span<std::size_t>) const override { return 0; }

private:
    const std::function<void()> ended_;
};

}  // namespace

TEST_CASE("what ends with an old ring may look at the membership")
{
    std::size_t ended = 0;
    std::optional<Membership> membership;
    PickerFactory picker;
    picker.description = "telling";
    picker.make = [&](std::vector<std::string>) {
        return std::make_shared<Telling>([&] {
            ++ended;
            if (membership) membership->ring();
        });
    };
    membership.emplace("a", galaxy::Role::member, picker, 1s, [](const Peer&) { return nullptr; });
    TimePoint now(1h);
    const auto change = [&] {
        REQUIRE(membership->set({{"a", std::to_string(now.time_since_epoch().count())}}, now));
    };
    change();
    CHECK(ended == 1);  // nobody asks for what there was before the first
    SECTION("when they are too old")
    {
        for (std::size_t i = 0; i != 4; ++i) {
            now += 2s;
            change();
            CHECK(ended == 1 + i);
        }
    }
    SECTION("when they are too many")
    {
        for (std::size_t i = 0; i != 10; ++i) {
            now += 1ms;
            change();
        }
        CHECK(ended == 1 + 2);
    }
    SECTION("when all of them are closed")
    {
        now += 1ms;
        change();
        membership->close();
        CHECK(ended == 1 + 1);
    }
}

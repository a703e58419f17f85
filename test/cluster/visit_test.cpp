// SPDX-License-Identifier: BSL-1.0
#include <galaxy/handle.hpp>

#include <galaxy/testing/cluster.hpp>

#include <catch2/catch_test_macros.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

using galaxy::testing::Cluster;

namespace {

std::string noted;

void note(std::string_view bytes)
{
    noted += bytes;
}

std::size_t count(std::string_view bytes) noexcept
{
    note(bytes);
    return bytes.size();
}

/// What may only be called while it is named.
struct Named {
    void operator()(std::string_view bytes) & { note(bytes); }
};

template <class F>
concept Visitor = requires(const galaxy::Galaxy& g, F&& f) { g.visit("k", std::forward<F>(f)); };

}  // namespace

TEST_CASE("visit takes whatever can be called with the bytes")
{
    Cluster cluster({.nodes = 1});
    REQUIRE(cluster.get(0, "k").has_value());
    const galaxy::Galaxy g = cluster.galaxy(0);
    noted.clear();
    auto call = [&](auto&& f) { CHECK(g.visit("k", std::forward<decltype(f)>(f))); };
    SECTION("a function")
    {
        call(note);
        call(count);
    }
    SECTION("its address")
    {
        call(&note);
        void (*const pointer)(std::string_view) = note;
        call(pointer);
    }
    SECTION("function objects")
    {
        const auto constant = [](std::string_view bytes) { note(bytes); };
        call(constant);
        call([own = std::make_unique<int>()](std::string_view bytes) mutable { note(bytes); });
    }
    SECTION("others")
    {
        call(std::function<void(std::string_view)>(note));
        auto by_reference = [](const std::string_view& bytes) { note(bytes); };
        call(std::ref(by_reference));
    }
    SECTION("one that must be named, and a member")
    {
        call(Named());
        call(&std::string_view::size);
        note("value of k");
    }
    CHECK(noted.starts_with("value of k"));
    CHECK((noted == "value of k" || noted == "value of kvalue of k"));
}

static_assert(Visitor<void(std::string_view)>);
static_assert(!Visitor<void(int)>);
static_assert(!Visitor<int>);

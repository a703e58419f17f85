// SPDX-License-Identifier: BSL-1.0
#include <galaxy/keys.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <list>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using galaxy::Keys;

namespace {

struct User {
    std::string name;
    operator std::string_view() const { return name; }
};

template <class T>
constexpr bool are_keys = std::is_convertible_v<T, Keys>;

static_assert(are_keys<std::vector<std::string>>);
static_assert(are_keys<const std::vector<std::string_view>&>);
static_assert(are_keys<std::span<const std::string_view>>);
static_assert(are_keys<std::array<const char*, 2>>);
static_assert(are_keys<std::pmr::vector<std::pmr::string>>);
static_assert(are_keys<std::vector<User>&>);
// One key is not several, and what is not side by side would have to be copied.
static_assert(!are_keys<std::string>);
static_assert(!are_keys<std::string_view>);
static_assert(!are_keys<const char*>);
static_assert(!are_keys<std::list<std::string>>);
static_assert(!are_keys<std::vector<int>>);

}  // namespace

TEST_CASE("keys are seen through whatever holds them, without copies")
{
    const std::vector<std::string> strings = {"a", "", std::string("\0b", 2)};
    const Keys keys = strings;
    REQUIRE(keys.size() == 3);
    for (std::size_t i = 0; i != 3; ++i) CHECK(keys[i].data() == strings[i].data());
    CHECK(keys[2] == std::string_view("\0b", 2));

    const std::vector<User> users = {{"x"}, {"y"}};
    CHECK(Keys(users)[1].data() == users[1].name.data());

    const char* const words[] = {"one", "two"};
    CHECK(Keys(words)[0] == "one");
    CHECK(Keys(std::span(words, 1)).size() == 1);
    CHECK(Keys(std::vector<std::string>()).empty());
}

TEST_CASE("of a class and what it is derived from, each has its own stride")
{
    struct Wide : User {
        long more = 0;
    };
    const std::vector<Wide> wide = {{{"x"}, 1}, {{"y"}, 2}, {{"z"}, 3}};
    const Keys keys = wide;
    CHECK(keys[0] == "x");
    CHECK(keys[2] == "z");
}

// SPDX-License-Identifier: BSL-1.0
#include "entry.hpp"
#include "http/holdings.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using galaxy::Entry;
using galaxy::Value;
using galaxy::http::Holdings;

constexpr std::size_t one = std::size_t{1} << 20;

std::shared_ptr<Holdings> at_most(std::size_t bytes)
{
    return std::make_shared<Holdings>(bytes);
}

/// A connection that keeps what it holds after it was told to give way, until it ends.
class Connection {
public:
    explicit Connection(const std::shared_ptr<Holdings>& all, std::uint64_t host = 1)
        : holder_(Holdings::Holder::enter(all, host, [told = told_] { ++*told; }))
    {
        held_.charge(holder_);
    }

    void hold(std::size_t bytes) { held_.set(bytes); }
    void keep(const Value& value) { unsent_.emplace(holder_, value); }
    void drop() { unsent_.reset(); }
    int told() const { return *told_; }

private:
    const std::shared_ptr<std::atomic<int>> told_ = std::make_shared<std::atomic<int>>(0);
    std::shared_ptr<Holdings::Holder> holder_;
    Holdings::Bytes held_;
    std::optional<Holdings::UnsentValue> unsent_;
};

/// As a galaxy that takes it into its table, and gives it up again.
void list(const Value& value)
{
    Entry::of(value)->set_place(1);
}

void give_up(const Value& value)
{
    Entry::of(value)->set_place(Entry::gone);
}

}  // namespace

TEST_CASE("holdings: a little of every connection is not counted", "[holdings]")
{
    const auto all = at_most(one);
    std::vector<std::unique_ptr<Connection>> many;
    for (int i = 0; i < 1000; ++i) {
        many.push_back(std::make_unique<Connection>(all));
        many.back()->hold(Holdings::uncounted);
    }
    CHECK(all->bytes() == 0);
    many[3]->hold(Holdings::uncounted + 5);
    CHECK(all->bytes() == 5);
    many[3]->hold(7);
    CHECK(all->bytes() == 0);
    CHECK(all->gave_way() == 0);
}

TEST_CASE("holdings: who holds most gives way, and nobody more than has to", "[holdings]")
{
    const auto all = at_most(10 * one);
    Connection most(all), much(all), little(all), last(all);
    little.hold(one);
    most.hold(5 * one);
    much.hold(3 * one);
    CHECK(all->gave_way() == 0);
    SECTION("of the others")
    {
        last.hold(2 * one);
        CHECK(most.told() == 1);
        CHECK(all->gave_way() == 1);
        // It counts no more, whatever it goes on to do until it has ended.
        CHECK(all->bytes() < 6 * one);
        most.hold(20 * one);
        CHECK(all->bytes() < 6 * one);
        CHECK(all->gave_way() == 1);
    }
    SECTION("be it the one that asks for more")
    {
        last.hold(7 * one);
        CHECK(last.told() == 1);
        CHECK(all->gave_way() == 1);
    }
    SECTION("and as many as it takes")
    {
        last.hold(4 * one);
        CHECK(most.told() == 1);
        much.hold(8 * one);
        CHECK(much.told() == 1);
        CHECK(little.told() + last.told() == 0);
    }
}

TEST_CASE("holdings: what is held no more makes room", "[holdings]")
{
    const auto all = at_most(4 * one);
    Connection other(all);
    other.hold(one);
    for (int i = 0; i < 100; ++i) {
        Connection brief(all);
        brief.hold(2 * one);
        other.hold(i % 2 == 0 ? 0 : one);
        CHECK(brief.told() == 0);
    }
    CHECK(all->gave_way() == 0);
    other.hold(0);
    CHECK(all->bytes() == 0);
}

TEST_CASE("holdings: a value counts where no cache has it, once for all that hold it", "[holdings]")
{
    const auto all = at_most(10 * one);
    Connection first(all), second(all);
    {
        const Value value(std::string(4 * one, 'v'));
        first.keep(value);
        CHECK(all->bytes() >= 4 * one);
        const Value copy = value;  // NOLINT(performance-unnecessary-copy-initialization)
        second.keep(copy);
        CHECK(all->bytes() >= 4 * one);
        CHECK(all->bytes() < 5 * one);
        list(value);
        CHECK(all->bytes() == 0);
        give_up(value);
        CHECK(all->bytes() >= 4 * one);
        first.drop();
        second.drop();
    }
    CHECK(all->bytes() == 0);
    const Value nothing;
    first.keep(nothing);
    CHECK(all->bytes() == 0);
    first.drop();
}

TEST_CASE("holdings: readers of what is in memory anyhow hold nothing, until it is given up",
          "[holdings]")
{
    const auto all = at_most(10 * one);
    const Value shared(std::string(3 * one, 'v'));
    const Value alone(std::string(5 * one, 'v'));
    list(shared);
    std::vector<Value> copies(50, shared);
    std::vector<std::unique_ptr<Connection>> readers;
    for (const Value& copy : copies) {
        readers.push_back(std::make_unique<Connection>(all));
        readers.back()->keep(copy);
    }
    Connection other(all), last(all);
    other.keep(alone);
    CHECK(all->gave_way() == 0);

    // Then it is evicted: which nobody hears of before the next look.
    give_up(shared);
    CHECK(all->gave_way() == 0);
    const Value more(std::string(4 * one, 'v'));
    last.keep(more);
    all->look();
    CHECK(other.told() == 1);
    CHECK(all->gave_way() == 1);
}

TEST_CASE("holdings: of the host that holds most goes who holds most of it", "[holdings]")
{
    const auto all = at_most(10 * one);
    Connection alone(all, 1);
    alone.hold(4 * one);
    std::vector<std::unique_ptr<Connection>> crowd;
    for (int i = 0; i < 12; ++i) {
        crowd.push_back(std::make_unique<Connection>(all, 2));
        crowd.back()->hold(one - static_cast<std::size_t>(i));
    }
    // Six of a mebibyte have room beside four.
    int told = 0;
    for (const auto& each : crowd) told += each->told();
    CHECK(told == 6);
    CHECK(alone.told() == 0);
    // The first that came held most of those there were.
    CHECK(crowd.front()->told() == 1);
    CHECK(crowd.back()->told() == 0);

    // Then it is this host that holds most.
    alone.hold(7 * one);
    CHECK(alone.told() == 1);
    CHECK(all->gave_way() == 7);
}

TEST_CASE("holdings: a value that is held no more makes room", "[holdings]")
{
    const auto all = at_most(4 * one);
    Connection connection(all), other(all);
    other.hold(one);
    for (int i = 0; i < 100; ++i) {
        const Value value(std::string(2 * one, 'v'));
        connection.keep(value);
        connection.drop();
    }
    CHECK(all->gave_way() == 0);
    CHECK(all->bytes() < one);
}

TEST_CASE("holdings: threads hold and let go", "[holdings]")
{
    const auto all = at_most(8 * one);
    constexpr int threads = 4;
    std::atomic<std::size_t> told = 0;
    {
        std::vector<std::jthread> running;
        for (int t = 0; t < threads; ++t) {
            running.emplace_back([&, t] {
                for (std::size_t i = 0; i < 300; ++i) {
                    Connection connection(all);
                    const Value value(std::string(one / 4, 'v'));
                    connection.hold((i * 7 + static_cast<std::size_t>(t)) % 5 * one);
                    connection.keep(value);
                    connection.hold(i % 3 * one);
                    told += static_cast<std::size_t>(connection.told());
                    connection.drop();
                }
            });
        }
    }
    CHECK(all->bytes() == 0);
    CHECK(told <= all->gave_way());
    // What all of them did left nothing behind: as much may be held as ever, and no more.
    const std::uint64_t before = all->gave_way();
    Connection connection(all);
    connection.hold(8 * one);
    CHECK(all->gave_way() == before);
    connection.hold(9 * one);
    CHECK(connection.told() == 1);
}

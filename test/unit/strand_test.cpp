// SPDX-License-Identifier: BSL-1.0
#include "runtime/strand.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using galaxy::Strand;
namespace asio = boost::asio;

namespace {

/// A strand with an owner, as `run` wants one.
struct Owned : std::enable_shared_from_this<Owned> {
    explicit Owned(const asio::any_io_executor& executor) : strand(executor) {}

    template <class F>
    void run(F f)
    {
        strand.run(std::move(f), *this);
    }

    Strand strand;
};

/// Tells whether its owner lived when it was destroyed.
class Visit {
public:
    Visit(const std::shared_ptr<Owned>& owner, std::optional<bool>& lived)
        : owner_(owner), lived_(&lived)
    {
    }
    Visit(Visit&& other) noexcept
        : owner_(std::move(other.owner_)), lived_(std::exchange(other.lived_, nullptr))
    {
    }
    ~Visit()
    {
        if (lived_) *lived_ = !owner_.expired();
    }
    void operator()() const {}

private:
    std::weak_ptr<Owned> owner_;
    std::optional<bool>* lived_;
};

}  // namespace

TEST_CASE("a strand runs what is posted in order, and never inside post")
{
    asio::io_context io;
    Strand strand(io.get_executor());
    std::vector<int> ran;
    for (int i = 0; i != 5; ++i) CHECK(strand.post([&ran, i] { ran.push_back(i); }));
    CHECK(ran.empty());
    io.run();
    CHECK(ran == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("a visit runs inside where the strand is free, and after those who came before else")
{
    asio::io_context io;
    const auto owned = std::make_shared<Owned>(io.get_executor());
    std::vector<int> ran;
    asio::post(io, [&] {
        owned->run([&] {
            ran.push_back(1);
            owned->run([&] { ran.push_back(3); });
            ran.push_back(2);
        });
        CHECK(ran == std::vector{1, 2});
        owned->run([&] { ran.push_back(4); });
        CHECK(ran == std::vector{1, 2});
    });
    io.run();
    CHECK(ran == std::vector{1, 2, 3, 4});
}

TEST_CASE("a visit that has to wait keeps the strand's owner")
{
    asio::io_context io;
    auto owned = std::make_shared<Owned>(io.get_executor());
    const std::weak_ptr<Owned> watch = owned;
    bool ran = false;
    asio::post(io, [&] {
        owned->strand.post([] {});
        owned->run([&] { ran = true; });
        owned.reset();
        CHECK(!watch.expired());
    });
    io.run();
    CHECK(ran);
    CHECK(watch.expired());
}

TEST_CASE("an exception out of a turn is its context's, and what else was queued still runs")
{
    asio::io_context io;
    const auto owned = std::make_shared<Owned>(io.get_executor());
    int ran = 0;
    owned->strand.post([&] { ++ran; });
    owned->strand.post([] { throw std::runtime_error("out"); });
    owned->strand.post([&] { ++ran; });
    CHECK_THROWS_AS(io.run(), std::runtime_error);
    io.run();
    CHECK(ran == 2);

    asio::post(io, [&] { owned->run([] { throw std::runtime_error("out"); }); });
    io.restart();
    CHECK_THROWS_AS(io.run(), std::runtime_error);
    owned->strand.post([&] { ++ran; });
    io.restart();
    io.run();
    CHECK(ran == 3);
}

TEST_CASE("what is queued when its context goes is destroyed, also where it holds the strand")
{
    auto io = std::make_unique<asio::io_context>();
    auto owned = std::make_shared<Owned>(io->get_executor());
    const std::weak_ptr<Owned> watch = owned;
    owned->strand.post([owned] { FAIL("there is no context to run it"); });
    SECTION("the strand's user has let go")
    {
        owned.reset();
        io.reset();
    }
    SECTION("the strand's user has not")
    {
        io.reset();
        CHECK_FALSE(owned->strand.post([] {}));
        owned.reset();
    }
    CHECK(watch.expired());
}

TEST_CASE("a strand may end before what was posted to it has run")
{
    asio::io_context io;
    std::optional<Strand> strand(io.get_executor());
    bool ran = false;
    strand->post([&] { ran = true; });
    strand.reset();
    io.run();
    CHECK(ran);
}

TEST_CASE("a strand is an executor like others, also over one of unknown type")
{
    asio::io_context io;
    asio::thread_pool pool(1);
    std::optional<Strand> strand;
    SECTION("an io_context")
    {
        strand.emplace(io.get_executor());
    }
    SECTION("a thread pool")
    {
        strand.emplace(pool.get_executor());
    }
    const asio::any_io_executor executor = strand->executor();
    CHECK(executor == strand->executor());
    CHECK(&asio::query(executor, asio::execution::context)
          == &asio::query(strand->beneath(), asio::execution::context));
    int ran = 0;
    asio::post(executor, [&] {
        ++ran;
        asio::post(asio::prefer(executor, asio::execution::outstanding_work.tracked),
                   [&] { ++ran; });
    });
    io.run();
    pool.join();
    CHECK(ran == 2);
}

TEST_CASE("threads that post and visit never meet on the strand")
{
    constexpr int threads = 4, rounds = 20'000;
    asio::thread_pool pool(threads);
    asio::io_context io(threads);
    const auto owned = std::make_shared<Owned>(io.get_executor());
    std::atomic<int> inside = 0, met = 0;
    int count = 0;  // the strand's
    const auto turn = [&] {
        if (inside.fetch_add(1) != 0) ++met;
        ++count;
        inside.fetch_sub(1);
    };
    for (int i = 0; i != rounds; ++i) {
        asio::post(io, [&] { owned->run(turn); });
        asio::post(pool, [&] { owned->strand.post(turn); });
    }
    auto work = asio::make_work_guard(io);
    std::vector<std::jthread> running;
    for (int i = 0; i != threads; ++i) running.emplace_back([&] { io.run(); });
    pool.join();
    work.reset();
    running.clear();
    CHECK(met == 0);
    CHECK(count == 2 * rounds);
}

TEST_CASE("what waits for a visit goes before the owner that waits with it, run or not")
{
    const bool stopped = GENERATE(false, true);
    std::optional<bool> lived;
    {
        asio::io_context io;
        auto owned = std::make_shared<Owned>(io.get_executor());
        asio::post(io, [&, owner = owned.get()] {
            owner->run([&] {
                owner->run(Visit(owned, lived));
                owned.reset();
            });
            if (stopped) io.stop();
        });
        io.run();
        CHECK(lived.has_value() != stopped);
    }
    CHECK(lived == true);
}

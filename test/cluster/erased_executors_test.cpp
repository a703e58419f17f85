// SPDX-License-Identifier: BSL-1.0
#include <galaxy/initiation.hpp>

#include "support/ask.hpp"
#include "support/tokens.hpp"

#include <galaxy/testing/cluster.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <mutex>
#include <optional>

using galaxy::errc;
using galaxy::io_executor;
using galaxy::Value;
using galaxy::test::BareExecutor;
using galaxy::test::InlineExecutor;
using galaxy::testing::Cluster;
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

using Hidden = asio::any_completion_executor;
using Any = asio::any_completion_handler<void(error_code, Value)>;

/// Of a context that must not end beside a post to it: the system's threads, which cannot be
/// joined, may still be waking it when what they posted has run.
struct AwaitedExecutor {
    asio::io_context* context;
    std::shared_ptr<std::mutex> posting = std::make_shared<std::mutex>();

    template <class F>
    void execute(F f) const
    {
        const std::lock_guard lock(*posting);
        asio::post(*context, std::move(f));
    }
    friend bool operator==(const AwaitedExecutor&, const AwaitedExecutor&) noexcept = default;

    /// Waits for whoever posted what has run.
    void join() const { const std::lock_guard lock(*posting); }
};

/// A get under way whose handler, of which nothing can be seen, belongs to `executor`.
template <class Executor>
std::shared_ptr<galaxy::test::Outcome> ask_erased(const galaxy::Galaxy& g, Executor executor)
{
    auto outcome = std::make_shared<galaxy::test::Outcome>();
    auto handler = [outcome](error_code error, const Value&) {
        ++outcome->times;
        outcome->error = error;
    };
    g.async_get("k", Any(asio::bind_executor(executor, std::move(handler))));
    return outcome;
}

}  // namespace

TEST_CASE("an executor of a kind that is known is found behind its erasure")
{
    asio::io_context io;
    asio::io_context other;
    asio::thread_pool pool(1);
    const asio::any_io_executor home = io.get_executor();
    const auto found = [&](auto executor) {
        return io_executor(Hidden(executor), home) == asio::any_io_executor(executor);
    };
    CHECK(found(home));
    CHECK(found(other.get_executor()));
    CHECK(found(asio::any_io_executor(other.get_executor())));
    CHECK(found(pool.get_executor()));
    CHECK(found(asio::make_strand(other)));
    CHECK(found(asio::make_strand(pool)));
    CHECK(found(asio::strand<asio::any_io_executor>(other.get_executor())));
    CHECK(found(asio::any_io_executor(asio::make_strand(other))));
    CHECK(found(asio::system_executor()));
    const asio::strand<asio::any_io_executor> strand(home);
    CHECK(io_executor(Hidden(strand), strand) == asio::any_io_executor(strand));
    pool.join();
}

TEST_CASE("an executor that can only execute is reached by post, never inside the call")
{
    asio::io_context io;
    const asio::any_io_executor executor = io_executor(Hidden(InlineExecutor()), io.get_executor());
    CHECK(&asio::query(executor, asio::execution::context) == &io);
    bool ran = false;
    asio::post(executor, [&ran] { ran = true; });
    CHECK_FALSE(ran);
    io.run();
    CHECK(ran);
}

TEST_CASE("an executor that can only execute outlives the context it was reached by")
{
    std::optional<asio::io_context> io(std::in_place);
    asio::io_context other;
    const asio::any_io_executor executor =
        io_executor(Hidden(BareExecutor{&other}), io->get_executor());
    io.reset();
    bool ran = false;
    asio::post(executor, [&ran] { ran = true; });
    other.run();
    CHECK(ran);
}

TEST_CASE("the universe's context goes first: an erased handler of another hears closed")
{
    asio::io_context other;
    const auto work = asio::make_work_guard(other);
    std::optional<asio::io_context> io(std::in_place);
    galaxy::testing::ScriptedBackend backend;
    backend.hold();
    galaxy::Universe universe(io->get_executor());
    const galaxy::Galaxy g = universe.create("g", backend.backend());
    const auto plain = ask_erased(g, other.get_executor());
    const auto strand = ask_erased(g, asio::make_strand(other));
    const auto home = ask_erased(g, io->get_executor());
    const auto bare = ask_erased(g, BareExecutor{&other});
    io->poll();
    io.reset();
    const AwaitedExecutor awaited{&other};
    const auto late = ask_erased(g, awaited);
    for (int i = 0; i != 6000 && late->times == 0; ++i) {
        other.run_for(std::chrono::milliseconds(10));
    }
    awaited.join();
    for (const auto& heard : {plain, strand, late}) {
        CHECK(heard->times == 1);
        CHECK(heard->error == errc::closed);
    }
    for (const auto* dropped : {&home, &bare}) {  // as that context's own, or nobody knows whose
        CHECK((*dropped)->times == 0);
        CHECK(dropped->use_count() == 1);
    }
}

TEST_CASE("a handler of an executor that can only execute is closed and cancelled like others")
{
    asio::io_context io;
    asio::io_context other;
    galaxy::testing::ScriptedBackend backend;
    backend.hold();
    galaxy::Universe universe(io.get_executor());
    const galaxy::Galaxy g = universe.create("g", backend.backend());
    const auto closed = ask_erased(g, BareExecutor{&other});
    asio::cancellation_signal signal;
    const auto wrapped = ask_erased(g, asio::any_completion_executor(BareExecutor{&other}));
    error_code why;
    g.async_get("k", Any(asio::bind_cancellation_slot(
                         signal.slot(), asio::bind_executor(BareExecutor{&other},
                                                            [&why](error_code error, const Value&) {
                                                                why = error;
                                                            }))));
    io.poll();
    signal.emit(asio::cancellation_type::terminal);
    io.poll();
    other.run();
    CHECK(why == asio::error::operation_aborted);
    universe.close();
    io.poll();
    other.restart();
    other.run();
    CHECK(closed->error == errc::closed);
    CHECK(wrapped->error == errc::closed);
    backend.release();
}

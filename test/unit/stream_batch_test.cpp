// SPDX-License-Identifier: BSL-1.0
#include "http/stream/batch.hpp"

#include "http/stream/frame.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace galaxy;
using namespace galaxy::http::stream;
using namespace std::chrono_literals;

Job job(std::uint64_t id, std::string_view digest)
{
    Job one;
    one.request.id = id;
    one.request.galaxy = "g";
    one.request.key = "k";
    one.request.digest = digest;
    return one;
}

/// What of it can be told apart, in order.
std::string said(std::string_view frames)
{
    std::string all;
    while (const std::optional<Frame> frame = take_frame(frames)) {
        if (frame->kind == Kind::ring) {
            all += "ring " + std::string(frame->body) + ", ";
        } else if (frame->kind == Kind::cancel) {
            all += "cancel " + std::to_string(read_id(frame->body).value()) + ", ";
        } else {
            const Request request = read_request(frame->body).value();
            all += std::to_string(request.id) + " in " + std::to_string(request.timeout_ms) + ", ";
        }
    }
    return all;
}

}  // namespace

TEST_CASE("A batch says digests where they change, and to each peer anew", "[stream]")
{
    Batch batch;
    batch.add(job(1, "one"), {});
    batch.add(job(2, "one"), {});
    batch.add_cancel(1);
    batch.add(job(3, "two"), {});
    CHECK(batch.requests() == 3);
    CHECK(said(batch.frames()) == "ring one, 1 in 0, 2 in 0, cancel 1, ring two, 3 in 0, ");
    CHECK(batch.requests() == 0);
    batch.frames().clear();
    batch.add(job(4, "two"), {});
    CHECK(said(batch.frames()) == "4 in 0, ");
    batch.start_anew();
    CHECK(batch.size() == 0);
    batch.add(job(5, "two"), {});
    CHECK(said(batch.frames()) == "ring two, 5 in 0, ");
}

TEST_CASE("What is left of the asker's time is said in whole milliseconds, and never none",
          "[stream]")
{
    const auto now = Job::Clock::time_point() + 1h;
    const auto left = [&](Duration time) {
        Batch batch;
        Job one = job(1, "");
        one.deadline = now + time;
        batch.add(one, now);
        return said(batch.frames());
    };
    CHECK(left(1500us) == "1 in 2, ");
    CHECK(left(0s) == "1 in 1, ");
    CHECK(left(-1s) == "1 in 1, ");
    CHECK(left(100'000h) == "1 in 4294967295, ");
}

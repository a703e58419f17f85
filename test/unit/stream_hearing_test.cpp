// SPDX-License-Identifier: BSL-1.0
#include "http/stream/hearing.hpp"

#include <galaxy/error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::http::stream;

struct Asked final : FetchSink {
    void alive() noexcept override { ++signs; }
    void done(FetchResult got) override { result = std::move(got); }

    int signs = 0;
    std::optional<FetchResult> result;
};

/// Requests 1 and 2, which were sent, and a message that comes then.
struct Hearer {
    Hearer()
    {
        for (std::uint64_t id = 1; id != 3; ++id) {
            FetchRequest request;
            request.id = id;
            request.max_value = 5;
            all.push_back(std::make_shared<Asked>());
            FetchStart one{&request, all.back()};
            ledger.sent(ledger.add(one, {}));
        }
    }

    /// Whether it keeps to the protocol.
    bool hear()
    {
        Hearing heard(message);
        const bool good = heard.hear(ledger, [this](std::uint64_t id) {
            ledger.abandon();
            given_up.push_back(id);
        });
        by_plain = heard.by_plain().size();
        message.assign(message.size(), '?');
        heard.tell();
        message.clear();
        return good;
    }

    const std::optional<FetchResult>& of(std::size_t id) const { return all.at(id - 1)->result; }

    Ledger ledger{10};
    std::vector<std::shared_ptr<Asked>> all;
    std::string message;
    std::vector<std::uint64_t> given_up;
    std::size_t by_plain = 0;
};

}  // namespace

TEST_CASE("Answers reach those that asked, and own their bytes", "[stream]")
{
    Hearer scene;
    append_answer(scene.message, {.id = 2, .value = "two"});
    append_answer(scene.message, {.id = 1, .status = Status::not_found});
    CHECK(scene.hear());
    CHECK(scene.of(1).value().error == errc::not_found);
    CHECK(scene.of(2).value().value == "two");
    CHECK(scene.ledger.empty());
}

TEST_CASE("What is heard before a message breaks the protocol counts", "[stream]")
{
    Hearer scene;
    append_answer(scene.message, {.id = 1, .value = "one"});
    append_answer(scene.message, {.id = 1, .value = "one"});
    append_answer(scene.message, {.id = 2, .value = "two"});
    CHECK_FALSE(scene.hear());
    CHECK(scene.of(1).value().value == "one");
    CHECK_FALSE(scene.of(2));
}

TEST_CASE("Pieces come together over messages", "[stream]")
{
    Hearer scene;
    append_piece(scene.message, {.id = 1, .whole = 5, .bytes = "ab"});
    CHECK(scene.hear());
    append_piece(scene.message, {.id = 1, .whole = 5, .bytes = "cd"});
    append_answer(scene.message, {.id = 1, .value = "e"});
    CHECK(scene.hear());
    CHECK(scene.of(1).value().value == "abcde");
    CHECK(scene.all.at(0)->signs == 2);
}

TEST_CASE("A value that is too long is given up at its first piece, and asked for no more",
          "[stream]")
{
    Hearer scene;
    append_piece(scene.message, {.id = 1, .whole = 6, .bytes = "ab"});
    append_piece(scene.message, {.id = 1, .whole = 6, .bytes = "cd"});
    append_answer(scene.message, {.id = 2, .status = Status::ask_by_http});
    append_answer(scene.message, {.id = 1, .value = "ef"});
    CHECK(scene.hear());
    CHECK(scene.given_up == std::vector<std::uint64_t>{1});
    CHECK(scene.of(1).value().error == errc::value_too_large);
    CHECK(scene.by_plain == 1);
    CHECK_FALSE(scene.of(2));
    CHECK(scene.ledger.empty());
}

// SPDX-License-Identifier: BSL-1.0
#include "http/framing.hpp"

#include "http/answer_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace galaxy::http;
using boost::beast::http::error;
using Lines = std::vector<std::pair<std::string_view, std::string_view>>;

boost::system::error_code framing_error(const Lines& lines, StatusLine line = {200, true})
{
    AnswerFields fields;
    for (const auto& [name, value] : lines) fields.add(name, value);
    return judge_framing(line, fields);
}

/// Reads an answer fed in pieces of so many bytes; nothing where it is refused or does not end.
std::optional<std::string> parsed(std::string_view answer, std::size_t piece, AnswerParser& parser)
{
    std::string pending;
    while (!parser.is_done()) {
        if (answer.empty()) return std::nullopt;
        pending += answer.substr(0, piece);
        answer.remove_prefix(std::min(piece, answer.size()));
        boost::system::error_code failure;
        // Beast asserts where it has seen the last chunk's line and is shown less than its rest.
        while (!failure && !parser.is_done() && pending.size() >= (parser.got_some() ? 5 : 1)) {
            const std::size_t used =
                parser.put(boost::asio::const_buffer(pending.data(), pending.size()), failure);
            pending.erase(0, used);
            if (used == 0) break;
        }
        if (failure && failure != error::need_more) return std::nullopt;
    }
    return parser.body();
}

}  // namespace

TEST_CASE("An answer ends where one length or chunks say so", "[http][framing]")
{
    CHECK_FALSE(framing_error({}));
    CHECK_FALSE(framing_error({{"Content-Length", "5"}}));
    CHECK_FALSE(framing_error({{"content-length", "0"}}));
    CHECK_FALSE(framing_error({{"Transfer-Encoding", "chunked"}}));
    CHECK_FALSE(framing_error({{"transfer-encoding", "Chunked"}}));
}

TEST_CASE("Any other transfer coding is refused, not guessed", "[http][framing]")
{
    for (const std::string_view coding :
         {"gzip, chunked", "chunked, gzip", "gzip", "identity", "xchunked", "chunked;q=1", "",
          "chunked, chunked", "chunked,", ", chunked", "\"chunked\"", "identity, chunked",
          "chunked identity"}) {
        CAPTURE(coding);
        CHECK(framing_error({{"Transfer-Encoding", coding}}) == error::bad_transfer_encoding);
    }
    CHECK(framing_error({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}})
          == error::bad_transfer_encoding);
    CHECK(framing_error({{"Transfer-Encoding", "gzip"}, {"transfer-encoding", "chunked"}})
          == error::bad_transfer_encoding);
    CHECK(framing_error({{"Transfer-Encoding", "chunked"}}, {200, false})
          == error::bad_transfer_encoding);
}

TEST_CASE("Two that say where an answer ends contradict each other", "[http][framing]")
{
    CHECK(framing_error({{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}})
          == error::bad_transfer_encoding);
    CHECK(framing_error({{"Content-Length", "5"}, {"Transfer-Encoding", "gzip"}})
          == error::bad_transfer_encoding);
    for (const std::string_view length :
         {"5, 6", "5, 5", "5,", "+5", "-5", " 5", "5 ", "0x5", "", "five", "5.0"}) {
        CAPTURE(length);
        CHECK(framing_error({{"Content-Length", length}}) == error::bad_content_length);
    }
    CHECK(framing_error({{"Content-Length", "5"}, {"Content-Length", "5"}})
          == error::bad_content_length);
}

TEST_CASE("What has no body announces none, and nobody changes the protocol", "[http][framing]")
{
    for (const unsigned status : {100u, 103u, 204u}) {
        CAPTURE(status);
        CHECK_FALSE(framing_error({}, {status, true}));
        CHECK_FALSE(framing_error({{"Content-Length", "0"}}, {status, true}));
        CHECK(framing_error({{"Content-Length", "5"}}, {status, true})
              == error::bad_content_length);
        CHECK(framing_error({{"Transfer-Encoding", "chunked"}}, {status, true})
              == error::bad_transfer_encoding);
    }
    for (const unsigned status : {0u, 99u, 101u})
        CHECK(framing_error({}, {status, true}) == error::bad_status);
}

TEST_CASE("Beast's word is not taken for the framing", "[http][framing]")
{
    const std::string chunks = "3\r\nabc\r\n0\r\n\r\n";
    for (const std::string_view fields :
         {"Transfer-Encoding: gzip, chunked\r\n",
          "Transfer-Encoding: gzip\r\nContent-Length: 3\r\n",
          "Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3, 3\r\n"}) {
        CAPTURE(fields);
        AnswerParser parser(0);
        const std::string answer = "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n";
        CHECK_FALSE(parsed(answer + chunks, answer.size() + chunks.size(), parser));
    }
    AnswerParser old(0);
    CHECK_FALSE(parsed("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 100, old));
    AnswerParser good(0);
    CHECK(parsed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 100, good)
          == "abc");
}

TEST_CASE("Lines of chunks are as strict as those of a request", "[http][framing]")
{
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto body_of = [&](std::string_view chunks, std::size_t most) {
        AnswerParser parser(most);
        return parsed(head + std::string(chunks), 1000, parser);
    };
    CHECK(body_of("5;a=b\r\nhello\r\n0\r\n\r\n", 5) == "hello");
    CHECK(body_of("5;a=\"b c\"\r\nhello\r\n0\r\n\r\n", 0) == "hello");
    CHECK_FALSE(body_of("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", 0));
    CHECK_FALSE(body_of("5;a=\"\x01\"\r\nhello\r\n0\r\n\r\n", 0));

    AnswerParser impatient(5);
    impatient.eager(true);
    boost::system::error_code failure;
    const std::string endless = head + "FFFFFFFFFFFFFFFF\r\n";
    impatient.put(boost::asio::buffer(endless), failure);
    CHECK(failure == error::body_limit);
}

TEST_CASE("A trailer is no header, however the bytes come", "[http][framing]")
{
    const std::string answer =
        "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
        "X-Galaxy-Peer: c\r\nX-Galaxy-Ttl-Ns: 5\r\nContent-Encoding: gzip\r\n"
        "Cache-Control: no-store\r\n\r\n";
    for (const std::size_t piece : {answer.size(), std::size_t{7}}) {
        CAPTURE(piece);
        AnswerParser parser(0);
        CHECK(parsed(answer, piece, parser) == "abc");
        CHECK(parser.fields().text("X-Galaxy-Peer") == "b");
        CHECK_FALSE(parser.fields().find("X-Galaxy-Ttl-Ns"));
        CHECK_FALSE(parser.fields().find("Content-Encoding"));
        CHECK_FALSE(parser.fields().find("Cache-Control"));
    }
}

TEST_CASE("A field is no longer than one of a request", "[http][framing]")
{
    for (const std::size_t size : {std::size_t{65'533}, std::size_t{65'534}}) {
        const std::string long_one(size, 'x');
        for (const std::string& field : {"X: " + long_one, long_one + ": x"}) {
            const std::string answer =
                "HTTP/1.1 200 OK\r\n" + field + "\r\nContent-Length: 0\r\n\r\n";
            AnswerParser parser(0);
            CHECK(parsed(answer, answer.size(), parser).has_value() == (size == 65'533));
        }
    }
}

TEST_CASE("Several lines of a name are one list", "[http][framing]")
{
    AnswerFields fields;
    fields.add("Cache-Control", "max-age=5");
    fields.add("Set-Cookie", "nobody=reads");
    fields.add("cache-control", "no-store");
    CHECK(fields.text("CACHE-CONTROL") == "max-age=5, no-store");
    CHECK(fields.text("Age").empty());
    fields.add("Age", "");
    REQUIRE(fields.find("Age"));
    CHECK(fields.find("Age")->empty());
}

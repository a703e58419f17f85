// SPDX-License-Identifier: BSL-1.0
#include "http/request_head.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>
#include <string_view>

using galaxy::http::RequestHead;
using Verdict = RequestHead::Verdict;
using namespace std::string_literals;

namespace {

const std::string line = "GET /a HTTP/1.1\r\n";

std::string with(const std::string& fields)
{
    return line + "Host: x\r\n" + fields + "\r\n";
}

Verdict verdict(std::string_view bytes)
{
    return RequestHead().look(bytes);
}

/// As it comes byte by byte.
Verdict slow_verdict(std::string_view bytes)
{
    RequestHead head;
    Verdict last = Verdict::incomplete;
    for (std::size_t size = 1; size <= bytes.size() && last == Verdict::incomplete; ++size)
        last = head.look(bytes.substr(0, size));
    return last;
}

}  // namespace

TEST_CASE("A head that leaves no doubt is good", "[http][head]")
{
    const std::string whole = GENERATE(values<std::string>({
        with(""), with("Content-Length: 0\r\n"), with("content-length:\t18446744073709551616 \r\n"),
        with("Transfer-Encoding: chunked\r\n"), with("TRANSFER-ENCODING:Chunked \t\r\n"),
        with("Accept:\r\nX: \xe4\xf6\r\nY: a:b \"c\"\t\r\n"),
        with("X-Content-Length: a\r\nContent-Length-X: b\r\nTE: trailers\r\n"),
        with("Connection: close\r\nConnection: Upgrade, x\r\n"), line + "Host:\r\n\r\n",
        line + "HOST: [fe80::1%25eth0]:8080\r\n\r\n", "BREW * HTTP/1.0\r\n\r\n"s,
        "GET /a HTTP/1.0\r\nHost: a.b_c\r\nContent-Length: 3\r\n\r\n"s,
        "GET  nonsense HTTP/1.1\r\nHost: x\r\n\r\n"s,  // Beast's business
    }));
    CAPTURE(whole);
    CHECK(verdict(whole) == Verdict::good);
    CHECK(slow_verdict(whole) == Verdict::good);
    CHECK(verdict(whole + "\x01\n\n") == Verdict::good);
    for (std::size_t size = 0; size != whole.size(); ++size)
        CHECK(verdict(std::string_view(whole).substr(0, size)) == Verdict::incomplete);
}

TEST_CASE("A head that two could take differently is bad", "[http][head]")
{
    const std::string whole = GENERATE(values<std::string>({
        // how the body is coded
        with("Transfer-Encoding: chunked, gzip\r\n"),
        with("Transfer-Encoding: gzip, chunked\r\n"),
        with("Transfer-Encoding: chunked, chunked\r\n"),
        with("Transfer-Encoding: ,chunked\r\n"),
        with("Transfer-Encoding: chunked,\r\n"),
        with("Transfer-Encoding: identity\r\n"),
        with("Transfer-Encoding: xchunked\r\n"),
        with("Transfer-Encoding: \"chunked\"\r\n"),
        with("Transfer-Encoding: chunked;q=1\r\n"),
        with("Transfer-Encoding: chunked\xa0\r\n"),
        with("Transfer-Encoding: \x0b"
             "chunked\r\n"),
        with("Transfer-Encoding:\r\n"),
        with("Transfer-Encoding: \t\r\n"),
        with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        with("Transfer-Encoding: chunked\r\ntransfer-encoding: identity\r\n"),
        with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
        with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
        with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
        "POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"s,
        // how long it is
        with("Content-Length:\r\n"),
        with("Content-Length: +3\r\n"),
        with("Content-Length: -3\r\n"),
        with("Content-Length: 0x3\r\n"),
        with("Content-Length: 3 3\r\n"),
        with("Content-Length: 3, 3\r\n"),
        with("Content-Length: 3,\r\n"),
        with("Content-Length: 3.0\r\n"),
        with("Content-Length: three\r\n"),
        with("Content-Length: 3\r\nContent-Length: 3\r\n"),
        with("Content-Length: 3\r\nCONTENT-LENGTH: 4\r\n"),
        // who is meant
        line + "\r\n",
        line + "X-Host: x\r\n\r\n",
        line + "Host: x\r\nHost: x\r\n\r\n",
        line + "Host: x\r\nhost: y\r\n\r\n",
        line + "Host: a b\r\n\r\n",
        line + "Host: a@b\r\n\r\n",
        line + "Host: a/b\r\n\r\n",
        line + "Host: \xe4\r\n\r\n",
        "GET /a HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"s,
        // where a line ends
        with("A: b\n"),
        with("A: b\nC: d\r\n"),
        with("A: b\rC: d\r\n"),
        with("A: b\r\r\n"),
        with("A: b\r\n\n"),
        line + "Host: x\n\r\n",
        line + "Host: x\r\n\n",
        line + "Host: x\r\n\r\r\n",
        "GET /a HTTP/1.1\nHost: x\r\n\r\n"s,
        "\r\n" + with(""),
        "\n" + with(""),
        // what stands in it
        with("A: b\r\n c\r\n"),
        with("A: b\r\n\tc\r\n"),
        with("A:\r\n b\r\n"),
        line + " Host: x\r\n\r\n",
        with("A : b\r\n"),
        with("A\t: b\r\n"),
        with(": b\r\n"),
        with("A\r\n"),
        with("A B: c\r\n"),
        with("A(: b\r\n"),
        with("\xe4: b\r\n"),
        with("A: \0b\r\n"s),
        with("A: b\x7f\r\n"),
        with("A: b\x1b\r\n"),
        with("Content-Length\0: 3\r\n"s),
        // the first line
        "GET /a\r\nHost: x\r\n\r\n"s,
        "GET /a HTTP/1.1 \r\nHost: x\r\n\r\n"s,
        "GET /a HTTP/1.2\r\nHost: x\r\n\r\n"s,
        "GET /a HTTP/2.0\r\nHost: x\r\n\r\n"s,
        "GET /a http/1.1\r\nHost: x\r\n\r\n"s,
        "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"s,
    }));
    CAPTURE(whole);
    CHECK(verdict(whole) == Verdict::bad);
    CHECK(slow_verdict(whole) == Verdict::bad);
}

TEST_CASE("What is no HTTP is refused before a line is over", "[http][head]")
{
    CHECK(verdict("\x16\x03\x01\x02"s) == Verdict::bad);
    CHECK(verdict("GET / HTTP/1.1\r\nHost: x\r\nA: \x01"s) == Verdict::bad);
    CHECK(verdict("GET / HTTP/1.1\r") == Verdict::incomplete);
    RequestHead head;
    CHECK(head.look(line + "A: b\r\nC: d\r\nE") == Verdict::incomplete);
    CHECK(head.fields() == 2);
}

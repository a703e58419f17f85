// SPDX-License-Identifier: BSL-1.0
#include "http/wire.hpp"
#include "trace_strings.hpp"

#include "fuzz/target.hpp"
#include "trace_strings.hpp"

#include <algorithm>
#include <string>
#include <string_view>

// The input is a target as it comes from a socket; and a galaxy and a key, divided by a line's end.

namespace galaxy::fuzz {
namespace {

using http::Paths;
using http::Target;

std::string escaped(std::string_view segment)
{
    std::string text;
    http::append_escaped(text, segment);
    return text;
}

bool is_path_text(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c <= '~'
               && std::string_view("/?#\"<>\\^`{|}").find(c) == std::string_view::npos;
    });
}

std::string written(const Target& target, const Paths& paths)
{
    return (target.verb == Verb::peek ? paths.peek : paths.fetch) + escaped(target.galaxy) + '/'
           + escaped(target.key);
}

bool same(const Target& a, const Target& b)
{
    return a.kind == b.kind && a.verb == b.verb && a.galaxy == b.galaxy && a.key == b.key;
}

void read_any(std::string_view text, const Paths& paths)
{
    const Target target = http::parse_target(text, paths);
    require(!http::is_stream(text, paths) || target.kind == Target::foreign,
            "what is for streams is nothing else");
    require(http::is_ours(text, paths) == (target.kind != Target::foreign),
            "is_ours agrees with parse_target");
    require(target.key.size() <= text.size(), "a key is no longer than its target");
    require(same(target, http::parse_target(std::string(text) + "?a=b/c", paths)),
            "a query changes nothing");
    if (target.kind != Target::good) return;
    require(same(target, http::parse_target(written(target, paths), paths)),
            "what was read is read again from what is written of it");
    require(same(target, http::parse_target("http://host:1" + written(target, paths), paths)),
            "and from its absolute form");
}

void write_any(std::string_view galaxy, std::string_view key)
{
    for (const std::string_view segment : {galaxy, key}) {
        const std::string text = escaped(segment);
        require(is_path_text(text), "escaped is what may stand in a path");
        require(text != "." && text != "..", "dots are no steps in a path");
        require(http::unescape(text) == segment, "unescape takes back what append_escaped did");
    }
    for (const Verb verb : {Verb::fetch, Verb::peek}) {
        const Target target{Target::good, verb, std::string(galaxy), std::string(key)};
        require(same(target, http::parse_target(written(target, Paths{}), Paths{})),
                "any galaxy and any key arrive");
    }
}

void write_request(std::string_view galaxy, std::string_view key)
{
    const http::Endpoint endpoint{"host", 1, "host:1", "/prefix"};
    const http::RequestTemplate to(Paths{}, endpoint, {{}, "universe", "self", {}}, "peer");
    FetchRequest request;
    request.galaxy = galaxy;
    request.key = key;
    request.trace.traceparent = key;
    const std::string text = to.write(request);
    require(text.find("\r\n\r\n") == text.size() - 4, "a request ends where it ends");
    require(text.starts_with("GET /prefix/_galaxycache/" + escaped(galaxy) + '/' + escaped(key)
                             + " HTTP/1.1\r\n"),
            "a request begins with its target");
    const auto lines = std::count(text.begin(), text.end(), '\n');
    require(lines == (is_traceable(key) ? 6 : 5), "no key makes a header");
}

}  // namespace

void run(std::string_view input)
{
    read_any(input, Paths{});
    read_any(input, Paths{"/a/", "/a/b/"});
    const std::string_view galaxy = take_until(input, '\n');
    write_any(galaxy, input);
    write_request(galaxy, input);
}

}  // namespace galaxy::fuzz

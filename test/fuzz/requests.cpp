// SPDX-License-Identifier: BSL-1.0
#include "http/request_reader.hpp"

#include "fuzz/pieces.hpp"
#include "fuzz/target.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The input is how to cut the rest of it, and that is what comes on a server's connection: requests
// one after the other, read as `http::Session` does.

namespace galaxy::fuzz {
namespace {

constexpr std::size_t max_header = 300;
constexpr std::uint64_t max_body = 64;

/// The complete requests of a connection, in words. What comes after them may be refused sooner or
/// later: whether a header is too long is seen with every piece.
using Heard = std::vector<std::string>;

std::string in_words(const http::RequestReader& reader, const http::Inlet& inlet)
{
    const auto& request = reader.request();
    std::string words(request.method_string());
    words += ' ' + std::string(request.target()) + ' ' + std::to_string(request.version())
             + (request.keep_alive() ? " kept" : " last")
             + (request.chunked() ? " chunked " : " whole ") + std::to_string(inlet.header_size())
             + '\n';
    for (const auto& field : request)
        words += std::string(field.name_string()) + ':' + std::string(field.value()) + '\n';
    return words;
}

/// Whether the request under way goes too far.
bool is_too_much(const http::RequestReader& reader, const http::Inlet& inlet)
{
    const bool in_header = !reader.is_header_done();
    return inlet.header_size() + (in_header ? inlet.pending() : 0) > max_header;
}

Heard hear(std::string_view bytes, Cuts cuts)
{
    Heard heard;
    Pieces pieces(bytes, cuts);
    http::Inlet inlet(max_header);
    std::optional<http::RequestReader> reader;
    const auto begin = [&] {
        reader.emplace(max_body);
        inlet.next_message();
    };
    begin();
    while (pieces.next(inlet)) {
        do {
            const std::size_t before = inlet.pending();
            const boost::system::error_code error = reader->feed(inlet);
            require(inlet.pending() <= before, "feeding takes bytes, and makes none");
            if (error || is_too_much(*reader, inlet)) return heard;
            if (!reader->is_done()) break;
            require(inlet.header_size() <= max_header, "a header keeps to its limit");
            heard.push_back(in_words(*reader, inlet));
            begin();
        } while (inlet.pending() > 0);
    }
    return heard;
}

}  // namespace

void run(std::string_view input)
{
    if (input.empty()) return;
    const Cuts cuts = Cuts::of(static_cast<unsigned char>(input.front()));
    input.remove_prefix(1);
    const Heard whole = hear(input, Cuts::none());
    require(whole == hear(input, cuts), "it does not matter how the bytes are cut");
    std::size_t size = 0;
    for (const std::string& request : whole) size += request.size();
    require(whole.size() <= input.size() / 16 + 1, "a request takes some bytes");
    require(size <= 8 * input.size() + 64, "what is heard was said");
}

}  // namespace galaxy::fuzz

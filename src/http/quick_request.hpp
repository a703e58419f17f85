// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>
#include <galaxy/http/protocol.hpp>

#include <cstddef>
#include <optional>
#include <string_view>

namespace galaxy::http {

/// The request that nearly all requests are: GET or HEAD of a key, HTTP/1.1, without a body and
/// without a word about the connection. The views are into the bytes read.
struct QuickRequest {
    enum class Method : bool { get, head };

    Method method = Method::get;
    Verb verb = Verb::fetch;
    std::string_view galaxy = {};  ///< both as they stand, escapes and all
    std::string_view key = {};
    std::string_view universe = {};  ///< of the headers; empty for what is not said
    std::string_view peer = {};
    std::string_view digest = {};
    std::string_view authorization = {};
    std::size_t size = 0;  ///< bytes, from the method to the empty line
};

/// Reads a request off the front of `bytes`. Nothing where it is not all there, or is anything
/// else, good or bad: then a parser of all of HTTP has to look at it. What is read is what that
/// would read: this accepts nothing that is not plain, so that no two sides can take it for
/// different requests.
std::optional<QuickRequest> read_quick(std::string_view bytes, const Paths& paths) noexcept;

}  // namespace galaxy::http

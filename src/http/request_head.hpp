// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace galaxy::http {

/// The head of a request as it comes: whether it is all there, and whether it leaves no doubt
/// about where the request ends and who is meant (RFC 9112).
///
/// Beast guesses where it does not understand: in 1.81 a `Transfer-Encoding` that is not plainly
/// `chunked` is no body, whose bytes are then the next request. Proxies guess otherwise, and
/// between two guesses a request can be smuggled. So a head is judged here before Beast sees it,
/// as the bytes that it is; what Beast makes of a good one cannot depend on its version.
class RequestHead {
public:
    enum class Verdict : std::uint8_t { incomplete, good, bad };

    /// Looks at what has come of a request: what it was shown before, and perhaps more. A verdict
    /// other than `incomplete` is the last.
    Verdict look(std::string_view bytes) noexcept;

    /// Lines so far, without the first.
    std::size_t fields() const noexcept { return fields_; }

private:
    Verdict take_line(std::string_view line) noexcept;
    bool take_request_line(std::string_view line) noexcept;
    bool take_field(std::string_view line) noexcept;
    bool is_whole() const noexcept;

    Verdict verdict_ = Verdict::incomplete;
    bool begun_ = false;
    bool is_1_1_ = false;
    bool coded_ = false;  // there is a Transfer-Encoding, which is `chunked`
    bool sized_ = false;  // there is a Content-Length
    std::size_t hosts_ = 0;
    std::size_t fields_ = 0;
    std::size_t line_ = 0;      // where the line begins that is not all there
    std::size_t searched_ = 0;  // up to where its end was looked for
};

}  // namespace galaxy::http

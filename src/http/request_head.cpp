// SPDX-License-Identifier: BSL-1.0
#include "http/request_head.hpp"

#include "http/grammar.hpp"

#include <algorithm>

namespace galaxy::http {

using namespace grammar;

RequestHead::Verdict RequestHead::look(std::string_view bytes) noexcept
{
    while (verdict_ == Verdict::incomplete) {
        const std::size_t end = bytes.find('\n', searched_);
        if (end == bytes.npos) {
            // What is no HTTP at all need not be waited for.
            const std::string_view more = bytes.substr(searched_);
            const auto stray = [](char c) { return is_control(c) && c != '\r'; };
            if (std::any_of(more.begin(), more.end(), stray)) verdict_ = Verdict::bad;
            searched_ = bytes.size();
            break;
        }
        const std::string_view line = bytes.substr(line_, end - line_);
        line_ = searched_ = end + 1;
        verdict_ = take_line(line);
    }
    return verdict_;
}

RequestHead::Verdict RequestHead::take_line(std::string_view line) noexcept
{
    if (!line.ends_with('\r')) return Verdict::bad;
    line.remove_suffix(1);
    if (std::any_of(line.begin(), line.end(), is_control)) return Verdict::bad;
    if (begun_ && line.empty()) return is_whole() ? Verdict::good : Verdict::bad;
    const bool good = begun_ ? take_field(line) : take_request_line(line);
    begun_ = true;
    return good ? Verdict::incomplete : Verdict::bad;
}

/// Method and target are Beast's business, which takes no line that another could take otherwise.
bool RequestHead::take_request_line(std::string_view line) noexcept
{
    is_1_1_ = line.ends_with(" HTTP/1.1");
    return is_1_1_ || line.ends_with(" HTTP/1.0");
}

bool RequestHead::take_field(std::string_view line) noexcept
{
    ++fields_;
    // A blank before the name would go on with the line before (obs-fold), and is no name.
    const std::string_view name = line.substr(0, span(line, in_name));
    if (name.empty() || !line.substr(name.size()).starts_with(':')) return false;
    const std::string_view value = trimmed(line.substr(name.size() + 1));
    if (is_same(name, "Host")) return ++hosts_ == 1 && is_all(value, in_host);
    if (is_same(name, "Content-Length")) {
        const bool twice = sized_;
        sized_ = true;
        return !twice && is_number(value);
    }
    if (is_same(name, "Transfer-Encoding")) {
        const bool twice = coded_;
        coded_ = true;
        return !twice && is_same(value, "chunked");
    }
    return true;
}

bool RequestHead::is_whole() const noexcept
{
    if (is_1_1_ && hosts_ == 0) return false;
    return !coded_ || (is_1_1_ && !sized_);
}

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#include "http/wire.hpp"

#include "trace_strings.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <system_error>

namespace galaxy::http {

namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

constexpr bool goes_unescaped(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || std::string_view("-_.~$&+:=@").find(c) != std::string_view::npos;
}

void append_escape(std::string& to, char c)
{
    const auto byte = static_cast<unsigned char>(c);
    to += '%';
    to += hex_digits[byte >> 4];
    to += hex_digits[byte & 15];
}

int hex_value(char c) noexcept
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

[[noreturn]] void refuse_uri(std::string_view uri, std::string_view why)
{
    throw std::invalid_argument("peer uri \"" + std::string(uri) + "\": " + std::string(why));
}

/// The path of a target without scheme, authority and query.
std::string_view path_of(std::string_view target) noexcept
{
    target = target.substr(0, target.find('?'));
    if (target.starts_with('/')) return target;
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return {};
    const std::size_t path = target.find('/', scheme + 3);
    return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

struct Split {
    bool ours = false;
    Verb verb = Verb::fetch;
    std::string_view rest;
};

/// Takes the base path off; the longer one where both fit.
Split split_base(std::string_view target, const Paths& paths) noexcept
{
    const std::string_view path = path_of(target);
    const bool fetch = path.starts_with(paths.fetch);
    const bool peek = path.starts_with(paths.peek);
    if (!fetch && !peek) return {};
    if (peek && (!fetch || paths.peek.size() > paths.fetch.size())) {
        return {true, Verb::peek, path.substr(paths.peek.size())};
    }
    return {true, Verb::fetch, path.substr(paths.fetch.size())};
}

/// Decimal digits and nothing else; too large is the largest.
std::optional<std::int64_t> parse_digits(std::string_view text)
{
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (end != text.data() + text.size()) return std::nullopt;
    return error == std::errc::result_out_of_range ? std::numeric_limits<std::int64_t>::max()
                                                   : number;
}

constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Reads fixed texts and numbers off the front of a text; once something does not fit, nothing
/// does.
class Reader {
public:
    explicit Reader(std::string_view text) noexcept : text_(text) {}

    void literal(std::string_view expected) noexcept
    {
        good_ = good_ && text_.starts_with(expected);
        if (good_) text_.remove_prefix(expected.size());
    }

    unsigned number(std::size_t digits) noexcept
    {
        const std::optional<std::int64_t> value =
            good_ && text_.size() >= digits ? parse_digits(text_.substr(0, digits)) : std::nullopt;
        good_ = value.has_value();
        if (!good_) return 0;
        text_.remove_prefix(digits);
        return static_cast<unsigned>(*value);
    }

    template <std::size_t N>
    unsigned one_of(const std::array<std::string_view, N>& names) noexcept
    {
        const auto found = std::find(names.begin(), names.end(), text_.substr(0, 3));
        good_ = good_ && found != names.end();
        if (!good_) return 0;
        text_.remove_prefix(3);
        return static_cast<unsigned>(found - names.begin());
    }

    /// ".123" as 123000000; none as zero.
    unsigned nanoseconds() noexcept
    {
        if (!good_ || !text_.starts_with('.')) return 0;
        text_.remove_prefix(1);
        const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
        good_ = digits >= 1 && digits <= 9;
        unsigned value = number(good_ ? digits : 0);
        for (std::size_t i = digits; i < 9; ++i) value *= 10;
        return value;
    }

    bool at_end() const noexcept { return good_ && text_.empty(); }

private:
    std::string_view text_;
    bool good_ = true;
};

void append_header(std::string& to, std::string_view name, std::string_view value)
{
    to.append(name).append(": ").append(value).append("\r\n");
}

void append_trace(std::string& to, std::string_view name, std::string_view value)
{
    if (is_traceable(value)) append_header(to, name, value);
}

}  // namespace

void append_escaped(std::string& to, std::string_view segment)
{
    const bool dots = segment == "." || segment == "..";
    for (const char c : segment) {
        if (goes_unescaped(c) && !dots) {
            to += c;
        } else {
            append_escape(to, c);
        }
    }
}

std::optional<std::string> unescape(std::string_view text)
{
    std::string bytes;
    bytes.reserve(text.size());
    while (!text.empty()) {
        const std::size_t plain = std::min(text.find('%'), text.size());
        bytes.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        if (text.size() < 3) return std::nullopt;
        const int high = hex_value(text[1]);
        const int low = hex_value(text[2]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes += static_cast<char>(high * 16 + low);
        text.remove_prefix(3);
    }
    return bytes;
}

Endpoint parse_peer_uri(std::string_view uri, Bare meaning)
{
    const bool bare = uri.find("://") == std::string_view::npos;
    const std::string_view scheme = meaning == Bare::https ? "https://" : "http://";
    const std::string whole = std::string(bare ? scheme : "") + std::string(uri);
    const boost::system::result<boost::urls::url_view> parsed = boost::urls::parse_uri(whole);
    if (!parsed)
        refuse_uri(uri, "write it as host:port or http://host:port/prefix, IPv6 in brackets");
    const boost::urls::url_view url = *parsed;
    const bool secure = url.scheme_id() == boost::urls::scheme::https;
    if (!secure && url.scheme_id() != boost::urls::scheme::http)
        refuse_uri(uri, "only http and https are supported");
    if (url.encoded_host().empty()) refuse_uri(uri, "the host is missing");
    if (url.has_userinfo() || url.has_query() || url.has_fragment()) {
        refuse_uri(uri, "user, query and fragment have no meaning here");
    }
    // Boost 1.81 takes "host:80x" for port 80 and path "x".
    if (!url.encoded_path().empty() && url.encoded_path().front() != '/') {
        refuse_uri(uri, "the port must be a number");
    }
    const bool port_given = url.has_port() && !url.port().empty();
    if (bare && !port_given) refuse_uri(uri, "the port is missing; write host:port");
    if (port_given && url.port_number() == 0) refuse_uri(uri, "the port must be from 1 to 65535");

    Endpoint endpoint;
    endpoint.host = url.host_address();
    endpoint.secure = secure;
    endpoint.port = port_given ? url.port_number() : std::uint16_t(secure ? 443 : 80);
    endpoint.authority = std::string(url.encoded_host()) + ":" + std::to_string(endpoint.port);
    endpoint.prefix = std::string(url.encoded_path());
    while (endpoint.prefix.ends_with('/')) endpoint.prefix.pop_back();
    return endpoint;
}

RawTarget split_target(std::string_view target, const Paths& paths) noexcept
{
    const Split split = split_base(target, paths);
    if (!split.ours) return {};
    const std::size_t slash = split.rest.find('/');
    if (slash == std::string_view::npos) return {Target::malformed, split.verb};
    return {Target::good, split.verb, split.rest.substr(0, slash), split.rest.substr(slash + 1)};
}

Target parse_target(std::string_view target, const Paths& paths)
{
    const RawTarget raw = split_target(target, paths);
    Target parsed{raw.kind, raw.verb, {}, {}};
    if (raw.kind != Target::good) return parsed;
    std::optional<std::string> galaxy = unescape(raw.galaxy);
    std::optional<std::string> key = unescape(raw.key);
    if (galaxy && key) {
        parsed.galaxy = std::move(*galaxy);
        parsed.key = std::move(*key);
    } else {
        parsed.kind = Target::malformed;
    }
    return parsed;
}

bool is_ours(std::string_view target, const Paths& paths)
{
    return split_base(target, paths).ours;
}

bool is_stream(std::string_view target, const Paths& paths)
{
    return path_of(target) == paths.stream;
}

std::string format_http_date(WallTime moment)
{
    using namespace std::chrono_literals;
    const auto day = std::chrono::floor<std::chrono::days>(moment);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss<Duration> time(moment - day);
    std::array<char, 64> text;
    const int length = std::snprintf(
        text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d.%09d GMT",
        days[std::chrono::weekday(day).c_encoding()].data(), static_cast<unsigned>(date.day()),
        months[static_cast<unsigned>(date.month()) - 1].data(), static_cast<int>(date.year()),
        static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
        static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
    return std::string(text.data(), static_cast<std::size_t>(length));
}

std::optional<WallTime> parse_http_date(std::string_view text)
{
    Reader reader(text);
    reader.one_of(days);
    reader.literal(", ");
    const unsigned day = reader.number(2);
    reader.literal(" ");
    const unsigned month = reader.one_of(months) + 1;
    reader.literal(" ");
    const unsigned year = reader.number(4);
    reader.literal(" ");
    const unsigned hour = reader.number(2);
    reader.literal(":");
    const unsigned minute = reader.number(2);
    reader.literal(":");
    const unsigned second = reader.number(2);
    const unsigned nanosecond = reader.nanoseconds();
    reader.literal(" GMT");
    if (!reader.at_end() || hour > 23 || minute > 59 || second > 59) return std::nullopt;

    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                           std::chrono::month(month), std::chrono::day(day)};
    // What 64 bits of nanoseconds can hold, with a year to spare at both ends.
    if (!date.ok() || year < 1679 || year > 2261) return std::nullopt;
    return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour)
           + std::chrono::minutes(minute) + std::chrono::seconds(second)
           + std::chrono::nanoseconds(nanosecond);
}

std::optional<Duration> parse_lifetime(std::string_view text)
{
    const std::optional<std::int64_t> count = parse_digits(text);
    if (!count) return std::nullopt;
    return Duration(*count);
}

std::string format_timeout(Duration timeout)
{
    const auto count = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    return std::to_string(std::max<std::int64_t>(count, 1));
}

std::optional<Duration> parse_timeout(std::string_view text)
{
    const std::optional<std::int64_t> count = parse_digits(text);
    if (!count) return std::nullopt;
    constexpr std::int64_t longest = std::chrono::milliseconds(std::chrono::hours(24)).count();
    return std::chrono::milliseconds(std::clamp<std::int64_t>(*count, 1, longest));
}

RequestTemplate::RequestTemplate(const Paths& paths, const Endpoint& endpoint,
                                 const LinkContext& context, std::string_view peer_id,
                                 Secret shared)
    : fetch("GET " + endpoint.prefix + paths.fetch),
      peek("GET " + endpoint.prefix + paths.peek),
      secret(std::move(shared))
{
    headers = " HTTP/1.1\r\n";
    append_header(headers, "Host", endpoint.authority);
    append_header(headers, header::universe, context.universe);
    append_header(headers, header::peer, peer_id);
}

std::string RequestTemplate::write(const FetchRequest& request) const
{
    const std::string& start = request.verb == Verb::peek ? peek : fetch;
    std::string text;
    text.reserve(start.size() + request.galaxy.size() + request.key.size() + headers.size() + 128);
    text = start;
    append_escaped(text, request.galaxy);
    text += '/';
    append_escaped(text, request.key);
    text += headers;
    if (secret) append_header(text, header::authorization, secret.authorization());
    if (!request.digest.empty()) append_header(text, header::digest, request.digest);
    if (request.timeout > Duration::zero()) {
        append_header(text, header::timeout, format_timeout(request.timeout));
    }
    append_trace(text, "traceparent", request.trace.traceparent);
    append_trace(text, "X-B3-TraceId", request.trace.b3_trace_id);
    append_trace(text, "X-B3-SpanId", request.trace.b3_span_id);
    append_trace(text, "X-B3-Sampled", request.trace.b3_sampled);
    text += "\r\n";
    return text;
}

}  // namespace galaxy::http

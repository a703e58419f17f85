// SPDX-License-Identifier: BSL-1.0
#include "node/freshness.hpp"

#include "http/grammar.hpp"
#include "http/wire.hpp"
#include "node/values.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace node {
namespace {

using galaxy::Duration;
using galaxy::WallTime;
using galaxy::http::AnswerFields;
namespace grammar = galaxy::http::grammar;

constexpr std::string_view blanks = " \t";

struct Directive {
    std::string_view name;
    std::string_view argument;  ///< as it stands, with its quotes
};

/// Reads a list of directives, RFC 9111, 5.2, off the front of a field.
class Directives {
public:
    explicit Directives(std::string_view field) noexcept : rest_(field) {}

    /// The next one; nothing at the end, and from where on they are not to be understood.
    std::optional<Directive> next()
    {
        skip_blanks_and(',');
        if (rest_.empty()) return std::nullopt;
        Directive one;
        one.name = token();
        if (rest_.starts_with('=')) {
            rest_.remove_prefix(1);
            one.argument = rest_.starts_with('"') ? quoted() : token();
            good_ = good_ && !one.argument.empty();
        }
        rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size()));
        good_ = good_ && !one.name.empty() && (rest_.empty() || rest_.front() == ',');
        if (!good_) return std::nullopt;
        return one;
    }

    bool good() const noexcept { return good_; }

private:
    void skip_blanks_and(char c)
    {
        const auto is_other = [c](char d) { return d != c && blanks.find(d) == blanks.npos; };
        const auto first = std::find_if(rest_.begin(), rest_.end(), is_other);
        rest_.remove_prefix(static_cast<std::size_t>(first - rest_.begin()));
    }

    std::string_view token() { return take(grammar::span(rest_, grammar::in_name)); }

    /// Nothing where its end is missing.
    std::string_view quoted()
    {
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            if (rest_[i] == '\\') {
                ++i;
            } else if (rest_[i] == '"') {
                return take(i + 1);
            }
        }
        return {};
    }

    std::string_view take(std::size_t size)
    {
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    std::string_view rest_;
    bool good_ = true;
};

/// Longer is of no use, and would be too much for the arithmetic of clocks.
constexpr std::chrono::seconds ten_years = std::chrono::days(3650);

/// Seconds as plain digits.
std::optional<Duration> seconds(std::string_view digits)
{
    if (!grammar::is_number(digits)) return std::nullopt;
    constexpr std::uint64_t most = ten_years.count();
    return std::chrono::seconds(std::min(parse_number(digits).value_or(most), most));
}

/// An age that a directive gives. Of two that differ neither counts.
class Age {
public:
    void say(std::string_view argument)
    {
        const Duration said = seconds(argument).value_or(Duration::zero());
        age_ = !age_ || *age_ == said ? said : Duration::zero();
    }
    const std::optional<Duration>& value() const noexcept { return age_; }

private:
    std::optional<Duration> age_;
};

/// What `Cache-Control` says.
std::optional<Duration> said_by_directives(std::string_view field)
{
    Age shared;
    Age any;
    Directives directives(field);
    while (const std::optional<Directive> one = directives.next()) {
        for (const std::string_view word : {"no-store", "no-cache", "private"})
            if (grammar::is_same(one->name, word)) return Duration::zero();
        if (grammar::is_same(one->name, "s-maxage")) shared.say(one->argument);
        if (grammar::is_same(one->name, "max-age")) any.say(one->argument);
    }
    if (!directives.good()) return Duration::zero();
    return shared.value() ? shared.value() : any.value();
}

/// What `Expires` says.
std::optional<Duration> said_by_dates(const AnswerFields& fields, WallTime now)
{
    const std::string* const expires = fields.find("Expires");
    if (!expires) return std::nullopt;
    const std::string* const date = fields.find("Date");
    const std::optional<WallTime> end = galaxy::http::parse_http_date(*expires);
    const std::optional<WallTime> begin = date ? galaxy::http::parse_http_date(*date) : now;
    if (!end || !begin) return Duration::zero();
    using std::chrono::floor;
    const auto between = floor<std::chrono::seconds>(*end) - floor<std::chrono::seconds>(*begin);
    return std::clamp<std::chrono::seconds>(between, std::chrono::seconds(0), ten_years);
}

/// Whether a field that is a list has this member.
bool lists(const AnswerFields& fields, std::string_view name, std::string_view member)
{
    Directives members(fields.text(name));
    while (const std::optional<Directive> one = members.next())
        if (grammar::is_same(one->name, member)) return true;
    return !members.good();
}

}  // namespace

std::optional<Duration> lifetime_of(const AnswerFields& fields, WallTime now)
{
    if (lists(fields, "Vary", "*")) return Duration::zero();
    const std::string* const control = fields.find("Cache-Control");
    if (!control && lists(fields, "Pragma", "no-cache")) return Duration::zero();
    std::optional<Duration> lifetime = said_by_directives(fields.text("Cache-Control"));
    if (!lifetime) lifetime = said_by_dates(fields, now);
    const std::string* const age = fields.find("Age");
    if (!lifetime || !age) return lifetime;
    const std::optional<Duration> spent = seconds(*age);
    return spent && *spent < *lifetime ? *lifetime - *spent : Duration::zero();
}

}  // namespace node

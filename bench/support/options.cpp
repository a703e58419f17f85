// SPDX-License-Identifier: BSL-1.0
#include "support/options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

namespace bench {
namespace {

using Flag = support::Flag<Options>;
using Setter = decltype(Flag::set);
using support::reject;

std::optional<double> parse_decimal(std::string_view text)
{
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number))
        return std::nullopt;
    return number;
}

/// A whole number, such as 100000, 100k or 1M.
std::optional<std::size_t> parse_count(std::string_view text)
{
    std::size_t unit = 1;
    if (text.ends_with('k')) unit = 1'000;
    if (text.ends_with('M')) unit = 1'000'000;
    if (unit != 1) text.remove_suffix(1);
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (number > std::numeric_limits<std::size_t>::max() / unit) return std::nullopt;
    return number * unit;
}

std::vector<std::string_view> split(std::string_view text)
{
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t comma = text.find(',');
        parts.push_back(text.substr(0, comma));
        if (comma == text.npos) return parts;
        text.remove_prefix(comma + 1);
    }
}

std::size_t count_between(std::size_t least, std::size_t most, std::string_view text)
{
    const std::optional<std::size_t> count = parse_count(text);
    if (!count || *count < least || *count > most) {
        reject("a number from " + std::to_string(least) + " to " + std::to_string(most)
                   + ", such as 100k",
               text);
    }
    return *count;
}

Setter count(std::size_t least, std::size_t most, std::size_t Options::* field)
{
    return [=](Options& options, std::string_view text) {
        options.*field = count_between(least, most, text);
    };
}

Setter counts(std::size_t most, std::vector<std::size_t> Options::* field)
{
    return [=](Options& options, std::string_view text) {
        (options.*field).clear();
        for (const std::string_view part : split(text))
            (options.*field).push_back(count_between(1, most, part));
    };
}

Setter seconds(std::chrono::duration<double> Options::* field)
{
    return [=](Options& options, std::string_view text) {
        const std::optional<double> number = parse_decimal(text);
        if (!number || *number <= 0 || *number > 86'400) reject("seconds, such as 0.5", text);
        options.*field = std::chrono::duration<double>(*number);
    };
}

Setter word(std::string_view what, std::string Options::* field)
{
    return [=](Options& options, std::string_view text) {
        if (text.empty()) reject(what, text);
        options.*field = text;
    };
}

void set_popularity(Options& options, std::string_view text)
{
    if (text == "uniform") {
        options.popularity = {Popularity::Kind::uniform, 0};
    } else if (text == "single") {
        options.popularity = {Popularity::Kind::single, 0};
    } else {
        const std::optional<double> exponent = parse_decimal(text);
        if (!exponent || *exponent <= 0 || *exponent > 5)
            reject("an exponent such as 0.99, or uniform, or single", text);
        options.popularity = {Popularity::Kind::zipf, *exponent};
    }
}

void set_rate(Options& options, std::string_view text)
{
    const std::optional<std::size_t> count = parse_count(text);
    if (!count || *count == 0 || *count > 1'000'000'000)
        reject("operations a second, such as 200k", text);
    options.rate = static_cast<double>(*count);
}

void set_percent(Options& options, std::string_view text)
{
    options.capacity_percent.clear();
    for (const std::string_view part : split(text)) {
        const std::optional<double> percent = parse_decimal(part);
        if (!percent || *percent <= 0 || *percent > 100) reject("a percentage, such as 10", text);
        options.capacity_percent.push_back(*percent);
    }
}

const std::vector<Flag>& flags()
{
    static const std::vector<Flag> all = {
        {"--residents", "N,…", "entries in memory; several make a table each",
         counts(100'000'000, &Options::residents)},
        {"--threads", "N,…", "threads that ask; several make a table each",
         counts(1024, &Options::threads)},
        {"--callers", "N", "coroutines that ask at once", count(1, 10'000'000, &Options::callers)},
        {"--key-size", "BYTES", "8 to 30000", count(8, 30'000, &Options::key_size)},
        {"--value-size", "BYTES", "1 to 64000000", count(1, 64'000'000, &Options::value_size)},
        {"--zipf", "EXPONENT", "how unequal keys are; or uniform, or single (one key)",
         set_popularity},
        {"--rounds", "N", "how often each contestant has its turn",
         count(1, 10'000, &Options::rounds)},
        {"--seconds", "SECONDS", "how long a turn is", seconds(&Options::seconds)},
        {"--rate", "N", "operations a second at fixed moments, whether or not earlier ones ended",
         set_rate},
        {"--only", "NAME,…", "only contestants whose names contain one of these",
         [](Options& options, std::string_view text) {
             options.only.clear();
             for (const std::string_view part : split(text)) {
                 if (part.empty()) reject("parts of names", text);
                 options.only.emplace_back(part);
             }
         }},
        {"--count-allocations", "", "count calls of the malloc family instead of time",
         [](Options& options, std::string_view) { options.count_allocations = true; }},
        {"--churn", "SECONDS", "fill and evict with values of 1 byte to 1 MB for so long",
         seconds(&Options::churn)},
        {"--megabytes", "N", "the budget that is churned",
         count(16, 1'000'000, &Options::megabytes)},
        {"--trace", "FILE", "a key a line; FILE.zst is read through zstd",
         word("a file", &Options::trace)},
        {"--all", "DIR", "every .txt and .txt.zst of a folder", word("a folder", &Options::all)},
        {"--capacity", "N", "in objects, at least 8", count(8, 1'000'000'000, &Options::capacity)},
        {"--capacity-percent", "P,…", "in percent of the trace's distinct keys", set_percent},
        {"--promoter", "", "five nodes: hot hits, sampled over exact recording",
         [](Options& options, std::string_view) { options.promoter = true; }},
        {"--json", "FILE", "write the results there as well; - is standard output",
         word("a file", &Options::json)},
    };
    return all;
}

bool is_accepted(const std::vector<std::string_view>& accepted, std::string_view name)
{
    return name == "--json" || std::find(accepted.begin(), accepted.end(), name) != accepted.end();
}

}  // namespace

std::string to_string(const Popularity& popularity)
{
    switch (popularity.kind) {
    case Popularity::Kind::uniform: return "uniform";
    case Popularity::Kind::single: return "a single key";
    case Popularity::Kind::zipf: break;
    }
    char text[32];
    std::snprintf(text, sizeof text, "Zipf %g", popularity.exponent);
    return text;
}

void parse_options(const std::vector<std::string>& arguments,
                   const std::vector<std::string_view>& accepted, Options& options)
{
    for (std::size_t i = 0; i != arguments.size(); ++i) {
        auto [name, value] = support::split_argument(arguments[i]);
        const Flag* const flag = support::find_flag(flags(), name);
        if (flag == nullptr) throw UsageError(arguments[i] + ": no such option");
        if (!is_accepted(accepted, name))
            throw UsageError(std::string(name) + ": not an option of this scenario");
        if (flag->value.empty()) {
            if (value) throw UsageError(std::string(name) + ": takes no value");
        } else if (!value) {
            if (++i == arguments.size()) throw UsageError(std::string(name) + ": needs a value");
            value = arguments[i];
        }
        flag->apply(options, value.value_or(""));
    }
}

std::string help_for(const std::vector<std::string_view>& accepted)
{
    std::string text;
    for (const Flag& flag : flags()) {
        if (!is_accepted(accepted, flag.name)) continue;
        std::string left = "  " + std::string(flag.name);
        if (!flag.value.empty()) left.append(" ").append(flag.value);
        // "…" is three bytes and one column.
        const std::size_t width = left.size() - (left.find("…") != left.npos ? 2 : 0);
        left.append(width < 26 ? 26 - width : 1, ' ');
        text.append(left).append(flag.help).append("\n");
    }
    return text;
}

}  // namespace bench

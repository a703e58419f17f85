// SPDX-License-Identifier: BSL-1.0
#include "support/contest.hpp"

#include "support/progress.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <utility>

namespace bench {

namespace json = boost::json;

namespace {

constexpr std::string_view latency_figure = "latency";

}  // namespace

Contest::Contest(const Options& options) : options_(options) {}

void Contest::add(std::string name, json::object fields, Turn turn)
{
    const auto& only = options_.only;
    const bool named = only.empty() || std::any_of(only.begin(), only.end(), [&](const auto& part) {
                           return name.find(part) != name.npos;
                       });
    if (named)
        contestants_.push_back({std::move(name), std::move(fields), std::move(turn), {}, {}});
}

void Contest::compare(std::string_view over, std::string_view under, std::string_view figure)
{
    const Contestant* first = find(over);
    const Contestant* second = find(under);
    if (first == nullptr || second == nullptr) return;
    // At a given rate everybody does as many; it is the latencies that differ.
    const bool open_loop = options_.rate > 0 && figure.empty();
    comparisons_.push_back({first, second, std::string(open_loop ? latency_figure : figure)});
}

void Contest::compare_part(std::string_view over, std::string_view figure, std::string_view under)
{
    compare(over, under, figure);
    if (find(over) != nullptr && find(under) != nullptr) comparisons_.back().to_the_whole = true;
}

const Contest::Contestant* Contest::find(std::string_view name) const
{
    for (const Contestant& contestant : contestants_)
        if (contestant.name == name) return &contestant;
    return nullptr;
}

void Contest::run()
{
    for (std::size_t round = 0; round != options_.rounds; ++round) {
        for (Contestant& contestant : contestants_) {
            show_progress("round " + std::to_string(round + 1) + " of "
                          + std::to_string(options_.rounds) + ": " + contestant.name);
            contestant.samples.push_back(contestant.turn(contestant.latencies));
        }
    }
    show_progress({});
}

double Contest::figure_of(const Sample& sample, const std::string& figure)
{
    return figure.empty() ? sample.ns_per_op : sample.more.at(figure);
}

json::object Contest::row_of(const Contestant& contestant)
{
    std::vector<double> times;
    std::vector<double> rates;
    std::map<std::string, std::vector<double>> more;
    for (const Sample& sample : contestant.samples) {
        times.push_back(sample.ns_per_op);
        rates.push_back(sample.ops_per_s);
        for (const auto& [name, figure] : sample.more) more[name].push_back(figure);
    }
    json::object row = {{"name", contestant.name},
                        {"ns_per_op", median(times)},
                        {"ns_per_op_min", *std::min_element(times.begin(), times.end())},
                        {"ns_per_op_max", *std::max_element(times.begin(), times.end())},
                        {"ops_per_s", median(rates)},
                        {"rounds", json::array(times.begin(), times.end())}};
    for (const auto& [name, figures] : more) row[name] = median(figures);
    for (const auto& field : contestant.fields) row[field.key()] = field.value();
    if (contestant.latencies.count() != 0) {
        const json::object latency = contestant.latencies.to_json();
        for (const char* quantile : {"p50", "p99", "p999", "max"})
            row[std::string("latency_") + quantile + "_ns"] = latency.at(quantile);
        row["latency_ns"] = latency;
    }
    return row;
}

Ratio Contest::ratio_of(const Comparison& comparison)
{
    const auto& [over, under, figure, to_the_whole] = comparison;
    std::string name = over->name + " / " + under->name;
    if (figure == latency_figure) {
        const double ratio = static_cast<double>(over->latencies.quantile(0.99))
                             / static_cast<double>(under->latencies.quantile(0.99));
        return {name + " (p99 latency)", ratio, ratio, ratio};
    }
    std::vector<double> ratios;
    for (std::size_t i = 0; i != over->samples.size(); ++i)
        ratios.push_back(figure_of(over->samples[i], figure)
                         / figure_of(under->samples[i], to_the_whole ? std::string() : figure));
    if (to_the_whole) {
        name = over->name + " (" + figure + ") / " + under->name;
    } else if (!figure.empty()) {
        name += " (" + figure + ")";
    }
    return {std::move(name), median(ratios), *std::min_element(ratios.begin(), ratios.end()),
            *std::max_element(ratios.begin(), ratios.end())};
}

Table Contest::table(std::string title, std::vector<Column> columns) const
{
    if (columns.empty()) {
        columns = {{"ns_per_op", "ns/op"},
                   {"ns_per_op_min", "least"},
                   {"ns_per_op_max", "most"},
                   {"ops_per_s", "k op/s", 1, 1e3},
                   {"latency_p50_ns", "p50 us", 1, 1e3},
                   {"latency_p99_ns", "p99 us", 1, 1e3},
                   {"latency_p999_ns", "p99.9 us", 1, 1e3},
                   {"latency_max_ns", "max us", 1, 1e3}};
    }
    Table table{std::move(title), std::move(columns), {}, {}, {}};
    for (const Contestant& contestant : contestants_) table.rows.push_back(row_of(contestant));
    for (const Comparison& comparison : comparisons_) table.ratios.push_back(ratio_of(comparison));
    return table;
}

}  // namespace bench

// SPDX-License-Identifier: BSL-1.0
#include "support/report.hpp"

#include "support/machine.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>

namespace bench {

namespace json = boost::json;

namespace {

std::string decimal(double number, int decimals)
{
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, number);
    return text;
}

std::string cell(const json::object& row, const Column& column)
{
    const json::value* value = row.if_contains(column.field);
    if (value == nullptr || value->is_null()) return {};
    if (value->is_string()) return std::string(value->as_string());
    if (!value->is_number()) return {};
    return decimal(value->to_number<double>() / column.unit, column.decimals);
}

/// Headings and cells, the names first; without the columns that nobody fills.
std::vector<std::vector<std::string>> cells_of(const Table& table)
{
    std::vector<std::vector<std::string>> lines(1 + table.rows.size());
    lines[0].emplace_back();
    for (std::size_t i = 0; i != table.rows.size(); ++i)
        lines[i + 1].emplace_back(table.rows[i].at("name").as_string());
    for (const Column& column : table.columns) {
        const bool used = std::any_of(table.rows.begin(), table.rows.end(),
                                      [&](const auto& row) { return !cell(row, column).empty(); });
        if (!used) continue;
        lines[0].push_back(column.heading);
        for (std::size_t i = 0; i != table.rows.size(); ++i)
            lines[i + 1].push_back(cell(table.rows[i], column));
    }
    return lines;
}

void print_lines(std::FILE* out, const std::vector<std::vector<std::string>>& lines)
{
    std::vector<std::size_t> widths(lines[0].size());
    for (const auto& line : lines)
        for (std::size_t i = 0; i != line.size(); ++i)
            widths[i] = std::max(widths[i], line[i].size());
    for (const auto& line : lines) {
        std::string text = line[0];
        text.resize(widths[0], ' ');
        for (std::size_t i = 1; i != line.size(); ++i) {
            text.append(widths[i] + 2 - line[i].size(), ' ');
            text.append(line[i]);
        }
        std::fprintf(out, "  %s\n", text.c_str());
    }
}

void print_ratios(std::FILE* out, const std::vector<Ratio>& ratios)
{
    std::size_t width = 0;
    for (const Ratio& ratio : ratios) width = std::max(width, ratio.name.size());
    for (const Ratio& ratio : ratios) {
        std::fprintf(out, "  %-*s  %7.3f  (%.3f to %.3f)\n", static_cast<int>(width),
                     ratio.name.c_str(), ratio.median, ratio.least, ratio.most);
    }
}

void print(std::FILE* out, const Table& table)
{
    std::fprintf(out, "\n%s\n", table.title.c_str());
    if (!table.rows.empty()) print_lines(out, cells_of(table));
    if (!table.ratios.empty()) {
        std::fprintf(out, "  ratios, the median of the rounds' (least to most)\n");
        print_ratios(out, table.ratios);
    }
    for (const std::string& note : table.notes) std::fprintf(out, "  %s\n", note.c_str());
    std::fflush(out);
}

}  // namespace

Report::Report(std::string scenario, std::FILE* people)
    : scenario_(std::move(scenario)), people_(people), machine_(describe_machine())
{
}

void Report::print_machine() const
{
    std::fprintf(people_, "galaxy-bench %s\n%s\n", scenario_.c_str(),
                 machine_line(machine_).c_str());
    const std::string warning = build_warning();
    if (!warning.empty()) std::fprintf(stderr, "galaxy-bench: warning: %s\n", warning.c_str());
    std::fflush(people_);
}

void Report::add(Table table, std::string_view suffix)
{
    print(people_, table);
    for (Ratio& ratio : table.ratios) ratio.name += suffix;
    tables_.push_back(std::move(table));
}

json::object Report::to_json() const
{
    json::array results;
    json::object ratios;
    json::object spans;
    json::array notes;
    for (const Table& table : tables_) {
        for (const json::object& row : table.rows) results.push_back(row);
        for (const Ratio& ratio : table.ratios) {
            ratios[ratio.name] = ratio.median;
            spans[ratio.name] = json::array{ratio.least, ratio.most};
        }
        for (const std::string& note : table.notes) notes.emplace_back(note);
    }
    return {{"scenario", scenario_}, {"parameters", parameters_}, {"machine", machine_},
            {"results", results},    {"ratios", ratios},          {"ratio_spans", spans},
            {"notes", notes}};
}

void Report::write_json(const std::string& file) const
{
    const std::string text = json::serialize(to_json()) + "\n";
    if (file == "-") {
        std::cout << text << std::flush;
        return;
    }
    std::ofstream out(file);
    out << text;
    if (!out.flush()) throw std::runtime_error("--json: cannot write " + file);
}

double median(std::vector<double> numbers)
{
    if (numbers.empty()) return 0;
    std::sort(numbers.begin(), numbers.end());
    const std::size_t middle = numbers.size() / 2;
    if (numbers.size() % 2 == 1) return numbers[middle];
    return (numbers[middle - 1] + numbers[middle]) / 2;
}

std::string short_count(std::size_t count)
{
    if (count != 0 && count % 1'000'000 == 0) return std::to_string(count / 1'000'000) + "M";
    if (count != 0 && count % 1'000 == 0) return std::to_string(count / 1'000) + "k";
    return std::to_string(count);
}

std::string counted(std::size_t count, std::string_view noun)
{
    return short_count(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace bench

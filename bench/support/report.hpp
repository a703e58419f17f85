// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/json/object.hpp>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// A column of a table: the field of a row that it shows, divided by `unit`.
struct Column {
    std::string field;
    std::string heading;
    int decimals = 1;
    double unit = 1;
};

/// Two contestants compared: the median of the rounds' ratios, and their span.
struct Ratio {
    std::string name;
    double median = 0, least = 0, most = 0;
};

/// One configuration's results. A row is an object with a "name"; columns without a figure anywhere
/// are not shown.
struct Table {
    std::string title;
    std::vector<Column> columns;
    std::vector<boost::json::object> rows;
    std::vector<Ratio> ratios;
    std::vector<std::string> notes;
};

/// What a run of the program found: for people on standard output, for machines as JSON.
class Report {
public:
    /// Tables go to `people`.
    Report(std::string scenario, std::FILE* people);

    /// What the scenario was told.
    boost::json::object& parameters() noexcept { return parameters_; }

    /// Prints the machine's description, before anything is measured.
    void print_machine() const;

    /// Prints the table, and keeps it for `to_json`. `suffix` tells its ratios from other tables'.
    void add(Table table, std::string_view suffix = {});

    /// {"scenario", "parameters", "machine", "results": [rows], "ratios": {name: median},
    /// "ratio_spans": {name: [least, most]}}.
    boost::json::object to_json() const;

    /// To a file, or to standard output where the name is "-". Throws `std::runtime_error`.
    void write_json(const std::string& file) const;

private:
    std::string scenario_;
    std::FILE* people_;
    boost::json::object parameters_;
    boost::json::object machine_;
    std::vector<Table> tables_;
};

/// The middle of the numbers; zero where there are none.
double median(std::vector<double> numbers);

/// 1000000 as "1M", 100000 as "100k".
std::string short_count(std::size_t count);

/// "1 thread", "2 threads".
std::string counted(std::size_t count, std::string_view noun);

}  // namespace bench

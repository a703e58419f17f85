// SPDX-License-Identifier: BSL-1.0
#include "support/series.hpp"

#include "support/options.hpp"
#include "support/report.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <utility>

namespace bench {

namespace json = boost::json;

namespace {

using Points = std::vector<std::pair<double, double>>;
using Series = std::map<std::string, Points>;

double number(const json::object& row, std::string_view field)
{
    return row.at(field).to_number<double>();
}

std::string text(const json::object& row, std::string_view field)
{
    return std::string(row.at(field).as_string());
}

void by_residents(const json::object& row, Series& series)
{
    const std::string name =
        text(row, "name") + ", " + counted(row.at("threads").to_number<std::size_t>(), "thread");
    series[name].emplace_back(number(row, "residents"), number(row, "ns_per_op"));
}

void by_threads(const json::object& row, Series& series)
{
    const std::string name = text(row, "name") + ", "
                             + counted(row.at("residents").to_number<std::size_t>(), "resident");
    series[name].emplace_back(number(row, "threads"), number(row, "ops_per_s") / 1e6);
}

void by_latency(const json::object& row, Series& series)
{
    const json::object& latency = row.at("latency_ns").as_object();
    const double count = number(latency, "count");
    double left = count;
    Points& points = series[text(row, "name")];
    for (const json::value& bucket : latency.at("buckets").as_array()) {
        left -= bucket.at(1).to_number<double>();
        // The last share is none, which a logarithmic axis does not show: half an operation.
        points.emplace_back(bucket.at(0).to_number<double>() / 1e3, std::max(left, 0.5) / count);
    }
}

void by_capacity(const json::object& row, Series& series)
{
    series[text(row, "trace") + ": " + text(row, "name")].emplace_back(
        number(row, "capacity_percent"), number(row, "miss_ratio"));
}

struct Kind {
    std::string_view name;
    std::string_view field;  ///< of the rows that have such points
    void (*take)(const json::object& row, Series& series);
};

constexpr Kind kinds[] = {{"residents", "residents", by_residents},
                          {"threads", "residents", by_threads},
                          {"latency", "latency_ns", by_latency},
                          {"misses", "miss_ratio", by_capacity}};

json::value read_json(const std::string& file)
{
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error(file + ": cannot be read");
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    boost::system::error_code error;
    json::value parsed = json::parse(bytes, error);
    if (error || !parsed.is_object() || !parsed.as_object().contains("results"))
        throw std::runtime_error(file + ": is not what galaxy-bench --json writes");
    return parsed;
}

void print(const Series& all)
{
    bool first = true;
    for (auto [name, points] : all) {
        std::sort(points.begin(), points.end());
        std::printf("%s\"%s\"\n", first ? "" : "\n\n", name.c_str());
        for (const auto& [x, y] : points) std::printf("%.9g %.9g\n", x, y);
        first = false;
    }
}

}  // namespace

int print_series(const std::vector<std::string>& arguments)
{
    const auto* kind = std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& k) {
        return !arguments.empty() && k.name == arguments[0];
    });
    if (kind == std::end(kinds))
        throw UsageError("KIND: expected residents, threads, latency or misses");
    if (arguments.size() < 2) throw UsageError("FILE: missing");

    Series series;
    for (std::size_t i = 1; i != arguments.size(); ++i) {
        const json::value parsed = read_json(arguments[i]);
        for (const json::value& row : parsed.at("results").as_array())
            if (row.as_object().contains(kind->field) && row.as_object().contains("ns_per_op"))
                kind->take(row.as_object(), series);
    }
    if (series.empty())
        throw std::runtime_error("these files hold nothing to plot by " + arguments[0]);
    print(series);
    return EXIT_SUCCESS;
}

}  // namespace bench

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/histogram.hpp"
#include "support/options.hpp"
#include "support/report.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What one turn of a contestant came to.
struct Sample {
    double ns_per_op = 0;  ///< a thread's time, with whatever it waits for
    double ops_per_s = 0;  ///< of all together
    /// Further figures by name, of which the median is reported, too.
    std::map<std::string, double> more = {};
};

/// Contestants that take turns: in each round everyone has one, so that whatever else the machine
/// does meanwhile meets them all. Medians and spans are taken over the rounds, ratios within each.
class Contest {
public:
    using Turn = std::function<Sample(Histogram& latencies)>;

    explicit Contest(const Options& options);

    /// `fields` go into the row as they are. A turn may leave the histogram empty. Left out where
    /// `--only` does not name it.
    void add(std::string name, boost::json::object fields, Turn turn);

    /// "over / under", of `ns_per_op` or of another figure; without effect where one is left out.
    void compare(std::string_view over, std::string_view under, std::string_view figure = {});

    /// A figure of one over `ns_per_op` of the other.
    void compare_part(std::string_view over, std::string_view figure, std::string_view under);

    void run();

    /// Rows and ratios. With no columns named, those of times and latencies.
    Table table(std::string title, std::vector<Column> columns = {}) const;

private:
    struct Contestant {
        std::string name;
        boost::json::object fields;
        Turn turn;
        std::vector<Sample> samples;
        Histogram latencies;
    };
    struct Comparison {
        const Contestant* over;
        const Contestant* under;
        std::string figure;
        bool to_the_whole = false;  ///< of `under`
    };

    const Contestant* find(std::string_view name) const;
    static double figure_of(const Sample& sample, const std::string& figure);
    static boost::json::object row_of(const Contestant& contestant);
    static Ratio ratio_of(const Comparison& comparison);

    const Options& options_;
    std::deque<Contestant> contestants_;
    std::vector<Comparison> comparisons_;
};

}  // namespace bench

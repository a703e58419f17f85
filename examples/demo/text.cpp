// SPDX-License-Identifier: BSL-1.0
#include "demo/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace demo {

std::string grouped(std::uint64_t number)
{
    const std::string digits = std::to_string(number);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

std::string milliseconds(double amount)
{
    if (amount >= 10) return grouped(static_cast<std::uint64_t>(std::llround(amount))) + " ms";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f ms", amount);
    return text;
}

std::string Table::text() const
{
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        // A row of one cell is a heading and sets no width.
        for (std::size_t i = 0; i < row.size() && row.size() > 1; ++i)
            widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string pad(widths[i] - std::min(widths[i], row[i].size()), ' ');
            line += i == 0 ? row[i] + pad : "   " + pad + row[i];
        }
        text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    return text;
}

}  // namespace demo

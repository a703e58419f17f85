// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

/// 12,345
std::string grouped(std::uint64_t number);

/// "0.84 ms", "12 ms", "1,203 ms"
std::string milliseconds(double amount);

/// Rows of equal columns, the first one left-aligned.
class Table {
public:
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    std::string text() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace demo

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace demo {

/// A file of this machine and the packages that own it.
struct Row {
    std::string path;
    std::string packages;  ///< separated by ", "
};

/// What dpkg knows of this machine, or the bundled sample where there is no dpkg.
struct Catalogue {
    std::vector<Row> rows;  ///< in ascending order of paths
    std::string source;
};

Catalogue read_catalogue();

/// Writes the table that the database serves. Throws `std::runtime_error`.
void write_database(const Catalogue& catalogue, const std::filesystem::path& file);

}  // namespace demo

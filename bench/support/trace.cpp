// SPDX-License-Identifier: BSL-1.0
#include "support/trace.hpp"

#include "support/child.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <unordered_map>

namespace bench {
namespace {

std::string unpack(const std::string& file)
{
    const std::string zstd = find_program("zstd");
    if (zstd.empty()) throw std::runtime_error(file + ": zstd is not installed");
    support::Process process({zstd, "-dc", "--", file});
    const std::optional<int> code = process.wait_for(std::chrono::minutes(10));
    if (code != 0) throw std::runtime_error(file + ": zstd says: " + process.err());
    return process.out();
}

std::string read(const std::string& file)
{
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error(file + ": cannot be read");
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

Trace read_trace(const std::string& file)
{
    const std::string text = file.ends_with(".zst") ? unpack(file) : read(file);
    Trace trace;
    const std::string last = std::filesystem::path(file).filename().string();
    trace.name = last.substr(0, last.find('.'));
    std::unordered_map<std::string_view, std::uint32_t> numbers;
    for (std::string_view left = text; !left.empty();) {
        const std::size_t end = std::min(left.find('\n'), left.size());
        const auto number = static_cast<std::uint32_t>(numbers.size());
        trace.requests.push_back(numbers.emplace(left.substr(0, end), number).first->second);
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    if (trace.requests.empty()) throw std::runtime_error(file + ": holds no request");
    trace.keys = numbers.size();
    return trace;
}

std::vector<std::string> find_traces(const std::string& folder)
{
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string file = entry.path().string();
        if (file.ends_with(".txt") || file.ends_with(".txt.zst")) files.push_back(file);
    }
    if (files.empty()) throw std::runtime_error(folder + ": holds no trace (.txt or .txt.zst)");
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace bench

// SPDX-License-Identifier: BSL-1.0
#include "fuzz/target.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// On bytes of its own, beyond which a sanitizer lets nobody look.
void run(std::string_view input)
{
    const std::vector<char> bytes(input.begin(), input.end());
    galaxy::fuzz::run({bytes.data(), bytes.size()});
}

}  // namespace

/// Runs the target on every file of a folder, and on what they begin with.
int main(int count, char** arguments)
{
    if (count != 2) {
        std::fprintf(stderr, "usage: %s CORPUS\n", arguments[0]);
        return 2;
    }
    int files = 0;
    run("");
    for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string input{std::istreambuf_iterator<char>(file), {}};
        std::fprintf(stderr, "%s\n", entry.path().c_str());
        for (std::size_t size = 0; size <= input.size(); ++size)
            run(std::string_view(input).substr(0, size));
        ++files;
    }
    std::printf("%d files, each up to every byte of it\n", files);
    return files != 0 ? 0 : 1;
}

// SPDX-License-Identifier: BSL-1.0
#include "fuzz/target.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

/// Runs the target on every file of a folder, and on what they begin with.
int main(int count, char** arguments)
{
    if (count != 2) {
        std::fprintf(stderr, "usage: %s CORPUS\n", arguments[0]);
        return 2;
    }
    int files = 0;
    galaxy::fuzz::run("");
    for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string input{std::istreambuf_iterator<char>(file), {}};
        std::fprintf(stderr, "%s\n", entry.path().c_str());
        galaxy::fuzz::run(input);
        for (std::size_t size = 0; size < input.size(); ++size)
            galaxy::fuzz::run(std::string(input, 0, size));
        ++files;
    }
    std::printf("%d files, each up to every byte of it\n", files);
    return files != 0 ? 0 : 1;
}

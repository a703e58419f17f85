// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

// A fuzz target is one file that defines `run`, and one line in CMakeLists.txt. It says what must
// hold for any bytes, by `require`; whatever else goes wrong (an exception that gets out, a
// sanitizer's finding) fails by itself. Under the preset `fuzz` libFuzzer looks for bytes for which
// it does not hold; elsewhere ctest runs it on those of `corpus/NAME`.
namespace galaxy::fuzz {

void run(std::string_view input);

inline void require(bool holds, const char* sentence)
{
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", sentence);
    std::abort();
}

/// Takes the text up to `end`, and `end`, off the front; all of it where there is none.
inline std::string_view take_until(std::string_view& input, char end)
{
    const std::string_view taken = input.substr(0, input.find(end));
    input.remove_prefix(taken.size() < input.size() ? taken.size() + 1 : input.size());
    return taken;
}

}  // namespace galaxy::fuzz

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace support {

/// A command line that cannot be used; `what()` names the flag at fault.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Throws `std::invalid_argument`: what was expected of a value, and what was found.
[[noreturn]] void reject(std::string_view expected, std::string_view found);

/// A flag of a program and what it does to the program's options.
template <class Options>
struct Flag {
    std::string_view name;
    std::string_view value;  ///< what stands for the value in the help; empty: there is none
    std::string_view help;
    /// Takes the value, or throws what is wrong with it, as `reject` does.
    std::function<void(Options&, std::string_view)> set;

    /// `set`, whose complaint becomes a `UsageError` that begins with the flag.
    void apply(Options& options, std::string_view text) const
    {
        try {
            set(options, text);
        } catch (const std::invalid_argument& error) {
            throw UsageError(std::string(name) + ": " + error.what());
        }
    }
};

/// The flag of that name, or null.
template <class Options>
const Flag<Options>* find_flag(const std::vector<Flag<Options>>& flags, std::string_view name)
{
    const auto found = std::find_if(flags.begin(), flags.end(),
                                    [name](const auto& flag) { return flag.name == name; });
    return found == flags.end() ? nullptr : &*found;
}

struct Argument {
    std::string_view name;
    std::optional<std::string_view> value;  ///< of "--name=value"
};

Argument split_argument(std::string_view argument);

/// What `main` does: runs the program with its arguments. An exception is one line on stderr, and
/// the exit code 2 where it is a `UsageError`, else 1. A peer that hangs up is an error of writing,
/// no signal.
int run_program(std::string_view name, int argc, char** argv,
                const std::function<int(const std::vector<std::string>&)>& run);

}  // namespace support

// SPDX-License-Identifier: BSL-1.0
#include "http/quick_request.hpp"

#include "fuzz/target.hpp"
#include "support/quick_check.hpp"

#include <string>
#include <string_view>

// The input is what a server reads: the reader of common requests against Beast's.

namespace galaxy::fuzz {

void run(std::string_view input)
{
    const http::Paths paths;
    const std::string wrong = test::disagreement(input, paths);
    require(wrong.empty(), wrong.c_str());
}

}  // namespace galaxy::fuzz

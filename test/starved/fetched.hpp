// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>

#include <utility>

namespace galaxy::test {

/// One request, and what came of it.
class Fetched final : public FetchSink {
public:
    void done(FetchResult got) override
    {
        ++completions;
        result = std::move(got);
    }

    int completions = 0;
    FetchResult result;
};

}  // namespace galaxy::test

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "quietly.hpp"

#include <exception>
#include <string>

namespace galaxy {

/// What the exception being handled says; empty where it says nothing, or there is no memory.
inline std::string what_was_thrown() noexcept
{
    std::string what;
    quietly([&what] {
        try {
            throw;
        } catch (const std::exception& e) {
            if (e.what()) what = e.what();
        } catch (...) {
            what = "something that is no std::exception";
        }
    });
    return what;
}

}  // namespace galaxy

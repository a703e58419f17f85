// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <filesystem>
#include <string>

namespace galaxy::test {

// Paths of this build. They are compiled into one object only, so that the others are the same in
// every clone, and a compiler cache knows them there.

/// What is shared beside the project, if it is.
std::filesystem::path shared_folder();

/// The program galaxy-node; empty where it is not built.
std::string node_program();

}  // namespace galaxy::test

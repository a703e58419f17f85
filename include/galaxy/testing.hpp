// SPDX-License-Identifier: BSL-1.0
#pragma once

/// What galaxy's own tests are written with: time that a test drives, peers within the process that
/// fail on command, and backends that can be held. Link `galaxy::testing`.

#include <galaxy/testing/backend.hpp>
#include <galaxy/testing/clock.hpp>
#include <galaxy/testing/cluster.hpp>
#include <galaxy/testing/network.hpp>
#include <galaxy/testing/picker.hpp>

// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing.hpp>

#include <iostream>

int main()
{
    galaxy::testing::Cluster cluster({.nodes = 3});
    const galaxy::Result<galaxy::Value> value = cluster.get(0, cluster.key_owned_by(1));
    const std::string faults = cluster.faults();
    std::cerr << faults;
    return value.has_value() && cluster.backend().calls() == 1 && faults.empty() ? 0 : 1;
}

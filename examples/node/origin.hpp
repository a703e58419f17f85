// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "node/limits.hpp"
#include "node/options.hpp"

#include <galaxy/backend.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace node {

/// Where values come from.
struct Origin {
    galaxy::Backend backend;
    /// Where it wants to run; empty: anywhere.
    boost::asio::any_io_executor executor;
    /// What must outlive the execution context.
    std::shared_ptr<void> resources;
};

/// Makes the origin that `options.origin` names. Throws `std::runtime_error` where there is none.
Origin make_origin(const Options& options, const Limits& limits,
                   const boost::asio::any_io_executor& executor);

Origin echo_origin();
Origin sqlite_origin(const Options& options);
Origin http_origin(const Options& options, const Limits& limits,
                   const boost::asio::any_io_executor& executor);

}  // namespace node

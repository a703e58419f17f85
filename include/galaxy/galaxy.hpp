// SPDX-License-Identifier: BSL-1.0
#pragma once

/// The core of galaxy: a read-through cache spread over the processes that use it.
/// Peers over HTTP are in `galaxy/http.hpp`, aids for tests in `galaxy/testing.hpp`.

#include <galaxy/backend.hpp>
#include <galaxy/error.hpp>
#include <galaxy/fetch.hpp>
#include <galaxy/get_options.hpp>
#include <galaxy/handle.hpp>
#include <galaxy/keys.hpp>
#include <galaxy/observe.hpp>
#include <galaxy/options.hpp>
#include <galaxy/peer.hpp>
#include <galaxy/picker.hpp>
#include <galaxy/promoter.hpp>
#include <galaxy/responder.hpp>
#include <galaxy/stats.hpp>
#include <galaxy/time.hpp>
#include <galaxy/universe.hpp>
#include <galaxy/value.hpp>
#include <galaxy/version.hpp>
#include <galaxy/weak_galaxy.hpp>

// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Peers over HTTP, compatible with Go galaxycache. For mounting in a Beast server of one's own,
/// include `galaxy/http/beast.hpp` besides; no other header pulls Beast in.

#include <galaxy/http/handler.hpp>
#include <galaxy/http/protocol.hpp>
#include <galaxy/http/secret.hpp>
#include <galaxy/http/server.hpp>
#include <galaxy/http/tls.hpp>

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy::http {

/// What nodes know and others do not: sent with every request to a peer and to open every stream
/// (`ProtocolOptions::secret`), and demanded there (`ServerOptions::secret`, `Handler`). Empty by
/// default: nothing is sent, nothing demanded.
///
/// Of several, the first is sent and all are accepted, so that a fleet can change over: first each
/// node accepts the new one too, then each sends it, then the old one goes. It travels as it is:
/// without TLS, whoever can listen can read it.
///
/// A secret is 1 to 512 printable ASCII characters without spaces; another one, or none at all in a
/// list, throws `std::invalid_argument`. It is never logged.
///
/// A cheap handle; copies are the same thing. Thread safety: any thread.
class Secret {
public:
    Secret() noexcept = default;
    Secret(const char* one) : Secret(std::string(one)) {}
    Secret(std::string one) : Secret(std::vector<std::string>{std::move(one)}) {}
    Secret(std::initializer_list<std::string> accepted) : Secret(std::vector<std::string>(accepted))
    {
    }
    explicit Secret(std::vector<std::string> accepted);

    /// For the requests and streams to come, here and in all copies. Must not be empty by default.
    void replace(std::vector<std::string> accepted);

    explicit operator bool() const noexcept { return state_ != nullptr; }

    /// Whether a request with this `Authorization` header is to be served; anything is where there
    /// is no secret. Takes as long for a guess that is nearly right as for any other.
    bool admits(std::string_view authorization) const;

    /// The `Authorization` header to send; empty where there is no secret.
    std::string authorization() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/tls.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace galaxy::test {

/// What a peer wraps one connection's bytes in. Knows no socket.
class Cloak {
public:
    virtual ~Cloak() = default;

    /// What was meant by these bytes of the asker. What they are to be answered by themselves is
    /// appended to `reply`.
    virtual std::string take_off(std::string_view bytes, std::string& reply) = 0;

    virtual std::string put_on(std::string_view bytes) = 0;

    /// Says that nothing more is to come.
    virtual std::string farewell() = 0;
};

/// TLS, each time on a new connection, with the certificate of `options`. What is put on lies in
/// two records, so that what is read of it is not all that has come.
std::function<std::unique_ptr<Cloak>()> tls_cloaks(const http::TlsOptions& options);

}  // namespace galaxy::test

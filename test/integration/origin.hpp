// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace galaxy::test {

/// A database over HTTP, on a thread of its own, that counts how often it is asked for each key and
/// answers as a test says. By default "value of KEY", at once. Thread-safe.
class OriginServer {
public:
    OriginServer();
    ~OriginServer();

    std::uint16_t port() const noexcept;
    /// What galaxy-node takes for `--origin`.
    std::string url() const;

    void set_delay(std::chrono::milliseconds delay);
    void set_delay(const std::string& key, std::chrono::milliseconds delay);
    /// From now on nobody is answered about this key, until `release`.
    void hold(const std::string& key);
    void release(const std::string& key);
    void set_status(const std::string& key, unsigned status);
    void set_cache_control(std::string value);
    void set_body(const std::string& key, std::string body);

    std::uint64_t loads() const;
    std::uint64_t loads(const std::string& key) const;
    std::map<std::string, std::uint64_t> loads_by_key() const;
    void forget_loads();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace galaxy::test

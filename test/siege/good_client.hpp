// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace galaxy::siege {

using Clock = std::chrono::steady_clock;

/// What came of one request of the good client.
struct Sample {
    enum class Kind : std::uint8_t { hit, miss };

    Clock::time_point began;
    Clock::duration took;
    Kind kind;  ///< as the node says: whether it came from memory
};

/// What the good client saw in some time.
struct Seen {
    std::vector<Sample> answered;  ///< rightly
    std::size_t errors = 0;
    std::size_t wrong = 0;     ///< values of another key
    std::size_t reopened = 0;  ///< connections that had been closed while they were idle
    std::size_t evicted = 0;   ///< hits that were none any more
    std::map<std::string, std::size_t> reasons;  ///< of errors

    std::size_t requests() const { return answered.size() + errors + wrong; }
    void add(const Seen& other);
};

/// Milliseconds that 99 % of the answers of a kind took at most; zero where there is none.
double p99(const Seen& seen, Sample::Kind kind);

/// A well-behaved client, on a thread of its own: 64 kept connections, most of which ask for what
/// is in memory, while the others ask for a tenth that is not.
class GoodClient {
public:
    explicit GoodClient(std::uint16_t port);
    ~GoodClient();

    /// Loads what fills the cache, and then what is asked for again. False where one thing failed,
    /// or it took longer than a minute.
    bool fill(std::size_t capacity);
    /// Asks from now on.
    void begin();
    /// What was seen since the last call.
    Seen take();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace galaxy::siege

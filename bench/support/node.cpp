// SPDX-License-Identifier: BSL-1.0
#include "support/node.hpp"

#include "support/workers.hpp"
#include "support/workload.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace bench {

namespace asio = boost::asio;

Node::Node(galaxy::Backend backend, galaxy::GalaxyOptions options, std::size_t threads)
    : io_(static_cast<int>(threads)),
      universe_(io_.get_executor()),
      galaxy_(universe_.create("bench", std::move(backend), std::move(options)))
{
}

void Node::fill(std::size_t residents, std::size_t key_size, std::size_t callers)
{
    bench::fill(io_, galaxy_, residents, key_size, callers);
}

void fill(asio::io_context& io, const galaxy::Galaxy& galaxy, std::size_t residents,
          std::size_t key_size, std::size_t callers)
{
    Histogram unused;
    const Worker worker = [&](Place place) -> asio::awaitable<void> {
        std::string key(key_size, '\0');
        for (std::size_t i = place.worker; i < residents; i += place.workers) {
            write_key(i, key.data(), key_size);
            const galaxy::Value value = co_await galaxy.get(key);
        }
    };
    run_workers(io, callers, 1, std::chrono::seconds(1), unused, worker);

    const galaxy::GalaxyStats stats = galaxy.stats();
    const std::uint64_t held = stats.entries_main + stats.entries_hot;
    if (held != residents)
        throw std::runtime_error("the galaxy holds " + std::to_string(held) + " of "
                                 + std::to_string(residents) + " entries");
}

galaxy::Backend ready_backend(std::size_t value_size)
{
    return [value = make_value(value_size)](std::string_view) -> asio::awaitable<galaxy::Loaded> {
        co_return galaxy::Loaded::value(value);
    };
}

std::size_t ample_capacity(std::size_t entries, std::size_t key_size, std::size_t value_size)
{
    constexpr std::size_t overhead = 400;
    const std::size_t one = key_size + value_size + overhead;
    // An object above an eighth is not kept.
    return std::max({std::size_t{64} << 20, one * entries * 2, one * 16});
}

}  // namespace bench

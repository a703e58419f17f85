// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/client.hpp"
#include "support/escape.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace galaxy::test {

/// Callers at some nodes that ask for keys at random, without pause, until told to stop.
class Load {
public:
    using Clock = std::chrono::steady_clock;

    struct Sample {
        Clock::time_point at;
        double seconds;
        unsigned status;
        std::size_t key;
    };

    Load(std::vector<std::uint16_t> ports, std::vector<std::string> keys, std::size_t callers)
        : ports_(std::move(ports)), keys_(std::move(keys))
    {
        for (std::size_t i = 0; i < callers; ++i)
            boost::asio::co_spawn(context_, call(ports_[i % ports_.size()]), boost::asio::detached);
    }

    /// Runs for so long on the caller's thread, in whose network the sockets are opened.
    void run_for(Clock::duration time)
    {
        context_.restart();
        context_.run_for(time);
    }

    /// Until every answer has come.
    void finish()
    {
        stopped_ = true;
        context_.run();
    }

    bool all_answered() const
    {
        return std::all_of(samples.begin(), samples.end(),
                           [](const Sample& sample) { return sample.status == 200; });
    }

    double slowest() const
    {
        double seconds = 0;
        for (const Sample& sample : samples) seconds = std::max(seconds, sample.seconds);
        return seconds;
    }

    std::vector<Sample> samples;

private:
    boost::asio::awaitable<void> call(std::uint16_t port)
    {
        support::Client client(context_.get_executor(), "127.0.0.1", port);
        boost::asio::steady_timer pause(context_);
        while (!stopped_) {
            Sample sample{Clock::now(), 0, 0, random_() % keys_.size()};
            std::string target = "/get/g/" + support::escape_segment(keys_[sample.key]);
            try {
                const support::Answer answer =
                    co_await client.get(std::move(target), std::chrono::seconds(20));
                if (answer.body == "value of " + keys_[sample.key]) sample.status = answer.status;
            } catch (const boost::system::system_error&) {
            }
            sample.seconds = std::chrono::duration<double>(Clock::now() - sample.at).count();
            samples.push_back(sample);
            pause.expires_after(std::chrono::milliseconds(5));
            co_await pause.async_wait(boost::asio::use_awaitable);
        }
    }

    boost::asio::io_context context_{1};
    std::vector<std::uint16_t> ports_;
    std::vector<std::string> keys_;
    std::mt19937 random_{7};
    bool stopped_ = false;
};

}  // namespace galaxy::test

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <thread>
#include <vector>

namespace galaxy::test {

/// An `io_context` that some threads run until it is destroyed.
class RunningContext {
public:
    explicit RunningContext(std::size_t threads) : work_(io_.get_executor())
    {
        for (std::size_t i = 0; i != threads; ++i) threads_.emplace_back([this] { io_.run(); });
    }

    RunningContext(const RunningContext&) = delete;
    RunningContext& operator=(const RunningContext&) = delete;

    /// Ends it in mid-flight: what has not run is dropped.
    ~RunningContext() { halt(); }

    /// Nobody runs it from here on, in mid-flight.
    void halt()
    {
        io_.stop();
        join();
    }

    /// Lets everything run to its end.
    void finish()
    {
        work_.reset();
        join();
    }

    boost::asio::io_context& context() noexcept { return io_; }
    boost::asio::io_context::executor_type get_executor() noexcept { return io_.get_executor(); }

private:
    void join()
    {
        for (std::thread& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
        threads_.clear();
    }

    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::vector<std::thread> threads_;
};

}  // namespace galaxy::test

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace galaxy::http::stream {

/// Bytes of values that were loaded and are still to be sent: of all streams of one server
/// together. Each has a share, and gives it back with its end. Any thread.
class Backlog {
public:
    class Share;

    /// Beyond it nothing more is loaded for one stream: one value of the usual largest size.
    static constexpr std::size_t most_of_one = std::size_t{64} << 20;
    /// And for any stream, whoever has the rest in line: a few that take nothing must not fill the
    /// memory.
    static constexpr std::size_t most_of_all = 4 * most_of_one;

private:
    std::atomic<std::size_t> bytes_ = 0;
};

/// One stream's, which is its to guard.
class Backlog::Share {
public:
    explicit Share(std::shared_ptr<Backlog> all) noexcept : all_(std::move(all)) {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() { clear(); }

    void add(std::size_t bytes) noexcept
    {
        bytes_ += bytes;
        all_->bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }

    void remove(std::size_t bytes) noexcept
    {
        bytes_ -= bytes;
        all_->bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    }

    void clear() noexcept { remove(bytes_); }

    bool is_too_long() const noexcept
    {
        return bytes_ > most_of_one || all_->bytes_.load(std::memory_order_relaxed) > most_of_all;
    }

private:
    const std::shared_ptr<Backlog> all_;
    std::size_t bytes_ = 0;
};

}  // namespace galaxy::http::stream

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/stream/ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace galaxy::http::stream {

/// What the asking half says to its peer next, in one message: requests, the digests that they go
/// by, cancels. Its user's to guard.
class Batch {
public:
    /// Throws `std::bad_alloc`, and then says nothing of the job.
    void add(const Job& job, Job::Clock::time_point now);
    void add_cancel(std::uint64_t id);

    std::size_t requests() const noexcept { return requests_; }
    std::size_t size() const noexcept { return frames_.size(); }

    /// To be taken out, and sent.
    std::string& frames() noexcept
    {
        requests_ = 0;
        return frames_;
    }

    /// What is said next is said to one who has heard nothing yet.
    void start_anew() noexcept
    {
        requests_ = 0;
        frames_.clear();
        digest_.clear();
    }

private:
    std::string frames_;
    std::string digest_;  ///< that the peer was told last
    std::size_t requests_ = 0;
};

}  // namespace galaxy::http::stream

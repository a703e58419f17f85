// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/answer_fields.hpp"

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace galaxy::http {

class Connection;

/// What came of a request.
struct Answer {
    /// None: there is an answer, whatever its status. `peer_unreachable`, `peer_reset`, `busy`
    /// (this process has no descriptor left), `protocol_error`, `value_too_large`; `closed` and
    /// `operation_aborted` where it was given up.
    boost::system::error_code error;
    std::string detail;  ///< of the error, for the log
    unsigned status = 0;
    AnswerFields fields;
    std::string body;  ///< of a 200
};

/// One GET on its way, and who waits for the answer.
class Job {
public:
    Job(std::uint64_t name, std::string text, std::size_t longest)
        : id(name), request(std::move(text)), max_value(longest)
    {
    }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    virtual ~Job() = default;

    /// A byte of the answer came. Any thread.
    virtual void alive() noexcept {}

    /// The end: once at most, from any thread, never inside a call of the pool's. Destroyed without
    /// it means dropped: the context is gone.
    virtual void done(Answer answer) = 0;

    const std::uint64_t id;     ///< names it for `Pool::cancel`
    const std::string request;  ///< all of it, as it goes over the wire
    const std::size_t max_value;
    bool spare = false;  ///< may use one of the connections beyond the limit

private:
    friend class Pool;
    std::weak_ptr<Connection> connection_;
    bool over_ = false;
};

using JobPtr = std::shared_ptr<Job>;

}  // namespace galaxy::http

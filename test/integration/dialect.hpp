// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace galaxy::test {

/// What a peer is asked.
struct Question {
    Verb verb = Verb::fetch;
    std::string key;
    std::uint64_t id = 0;  ///< where the protocol has one
};

/// How a peer talks on one connection: bytes in, questions out, and the bytes of answers. Knows no
/// socket. A protocol is added to the matrix of faults by writing one of these.
class Dialect {
public:
    virtual ~Dialect() = default;

    /// Takes what the asker sent and gives the questions that are whole now. What has to be said
    /// before any answer (to an upgrade, to a ping) is appended to `reply`.
    virtual std::vector<Question> hear(std::string_view bytes, std::string& reply) = 0;

    /// The whole answer: this value.
    virtual std::string value(const Question& question, std::string_view bytes) const = 0;

    /// The same, but of a peer, or to a request, that is not meant.
    virtual std::string strange(const Question& question, std::string_view bytes) const = 0;

    /// The whole answer to a peek: not in memory.
    virtual std::string nothing(const Question& question) const = 0;
};

/// HTTP/1.1 with kept connections, one request at a time on each, and no streams.
std::unique_ptr<Dialect> plain_dialect();

/// The stream; plain HTTP where the asker wants none.
std::unique_ptr<Dialect> stream_dialect();

}  // namespace galaxy::test

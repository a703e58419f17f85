// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "integration/cloak.hpp"
#include "integration/dialect.hpp"
#include "integration/wire.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace galaxy::test {

/// What goes wrong with a peer.
enum class Fault {
    refuse,              ///< its process is gone: connections end, and nobody listens
    reset,               ///< every question is answered by a reset
    hang_before_header,  ///< it hears and says nothing any more, to peeks neither
    hang_in_body,        ///< half of an answer, and then nothing
    stuck,               ///< fetches are never answered, peeks are
    cut_in_frame,        ///< half of an answer, and then the end, in good order
    garbage,             ///< what nobody can understand
    wrong_id,            ///< another peer answers
    duplicate_answer,    ///< every answer comes twice
    slow_drip,           ///< answers come byte by byte, one at each `drip`
    tls_failure,         ///< whatever was said: an open alert of TLS, and the end
    close_while_idle,    ///< connections end when all is answered
    half_open,           ///< its host is gone: connections stay and say nothing, none is taken
};

std::string_view name_of(Fault fault);

/// Peer "b" on a port of its own: answers every fetch with "value of KEY" and some more bytes,
/// every peek with "not in memory", until a fault strikes. Everything happens in `poll`.
class FaultyPeer {
public:
    using Speak = std::function<std::unique_ptr<Dialect>()>;
    using Wrap = std::function<std::unique_ptr<Cloak>()>;

    /// `wrap` is empty where the dialect is spoken openly.
    explicit FaultyPeer(Speak speak, Wrap wrap = {});
    ~FaultyPeer();

    std::string uri() const { return "127.0.0.1:" + std::to_string(port_); }

    /// Keeps questions without answering them.
    void hold() { holding_ = true; }

    /// The fault befalls what is kept, and everything that comes.
    void strike(Fault fault);

    /// One more byte of every answer that comes in drips.
    void drip();

    /// A process started anew: older connections end, and later ones are served well.
    void heal();

    /// Does what can be done now; gives how much that was.
    std::size_t poll();

    std::size_t kept() const;  ///< questions, on connections that still stand
    std::size_t connections() const noexcept { return connections_.size(); }
    /// Whether what dripped has reached the asker's sockets.
    bool delivered() const;

    static std::string value_of(std::string_view key);

private:
    using Tcp = boost::asio::ip::tcp;
    class Connection;
    using ConnectionPtr = std::shared_ptr<Connection>;

    void listen();
    void accept();
    void heard(const ConnectionPtr& connection, std::string_view bytes);
    void answer(const ConnectionPtr& connection, const Question& question);
    void befall(const ConnectionPtr& connection, const std::vector<Question>& questions);
    void befall(const ConnectionPtr& connection, const Question& question);
    void gone(const ConnectionPtr& connection) { connections_.erase(connection); }
    void end_connections();
    void stop_taking();

    const Speak speak_;
    const Wrap wrap_;
    boost::asio::io_context io_;
    Tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;
    std::set<ConnectionPtr> connections_;
    std::vector<Wire> queue_;  ///< not accepted, so that nobody else is
    std::optional<Fault> fault_;
    bool holding_ = false;
};

}  // namespace galaxy::test

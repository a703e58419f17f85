// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/quick_answers.hpp"
#include "http/session.hpp"
#include "runtime/enrolment.hpp"

#include <galaxy/http/handler.hpp>
#include <galaxy/http/server.hpp>
#include <galaxy/responder.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

namespace galaxy::http {

/// Throws where an option is bad.
ServerOptions checked(ServerOptions options);

/// What a server is made of: it accepts, knows its sessions, looks at their deadlines, and ends.
class Server::Core final : private Enrolment, public std::enable_shared_from_this<Core> {
public:
    /// `options` have been checked.
    Core(const Universe& universe, ServerOptions options);
    ~Core() override;

    void begin();
    void close();
    void drain(Duration grace, boost::asio::any_io_executor executor, DrainHandler handler);

    std::uint16_t port() const noexcept { return port_; }
    const std::string& address() const noexcept { return options_.address; }
    std::size_t connections() const noexcept;

    // For sessions.
    const ServerOptions& options() const noexcept { return options_; }
    const Handler& handler() const noexcept { return handler_; }
    const QuickAnswers& quick() const noexcept { return quick_; }
    const Responder& responder() const noexcept { return responder_; }
    /// Whether connections end with the answer under way.
    bool finishing() const noexcept { return finishing_; }
    /// Takes from, or gives back to, what all incomplete headers together may hold.
    bool reserve(std::size_t bytes) noexcept;
    void give_back(std::size_t bytes) noexcept { header_bytes_ -= bytes; }
    void left(Session* session) noexcept;

private:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;
    using Sessions = std::vector<std::shared_ptr<Session>>;

    struct Io {
        explicit Io(const boost::asio::any_io_executor& executor);

        boost::asio::strand<boost::asio::any_io_executor> strand;
        tcp::acceptor acceptor;
        boost::asio::steady_timer tick;
        boost::asio::steady_timer pause;
        boost::asio::steady_timer grace;
    };

    /// Someone who waits for a drain.
    struct Drain;

    void context_gone(Garbage& garbage) noexcept override;

    // On the strand.
    void accept();
    void accepted(error_code error, tcp::socket socket);
    void admit(tcp::socket socket);
    void pause_accepting();
    void look_at_deadlines();
    void begin_drain(Duration grace, std::shared_ptr<Drain> drain);
    void finish(Duration grace);
    void end_if_last();
    void stop();
    void end_drains(error_code error);

    bool make_room();
    Sessions sessions() const;
    void post_all(const Sessions& sessions, void (Session::*what)());
    template <class F>
    void post(F f);

    const ServerOptions options_;
    const Handler handler_;
    const Responder responder_;
    const QuickAnswers quick_;
    std::size_t max_connections_;
    Duration tick_;
    std::uint16_t port_ = 0;
    bool stopped_ = false;  // on the strand

    std::atomic<bool> finishing_{false};
    std::atomic<std::size_t> header_bytes_{0};

    mutable std::mutex mutex_;
    boost::asio::any_io_executor executor_;  // empty once the context is gone
    std::unique_ptr<Io> io_;
    std::unordered_set<Session*> sessions_;
    std::vector<std::shared_ptr<Drain>> drains_;
    bool closed_ = false;
};

}  // namespace galaxy::http

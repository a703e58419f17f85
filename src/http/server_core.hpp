// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/holdings.hpp"
#include "http/quick_answers.hpp"
#include "http/session.hpp"
#include "runtime/end_handler.hpp"
#include "runtime/enrolment.hpp"

#include <galaxy/http/handler.hpp>
#include <galaxy/http/server.hpp>
#include <galaxy/responder.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
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
    void close() noexcept;
    void drain(Duration grace, boost::asio::any_io_executor executor, DrainHandler handler);

    /// The universe's; the system's where its context is gone.
    boost::asio::any_io_executor executor() const;
    std::uint16_t port() const noexcept { return port_; }
    const std::string& address() const noexcept { return options_.address; }
    std::size_t connections() const noexcept;
    ServerStats stats() const noexcept;

    // For sessions.
    const ServerOptions& options() const noexcept { return options_; }
    const Handler& handler() const noexcept { return handler_; }
    const QuickAnswers& quick() const noexcept { return quick_; }
    const Responder& responder() const noexcept { return responder_; }
    const std::shared_ptr<Holdings>& holdings() const noexcept { return holdings_; }
    /// Whether connections end with the answer under way.
    bool finishing() const noexcept { return finishing_; }
    bool make_room();
    void one_made_room() noexcept { ++ended_for_room_; }
    void left(Session* session) noexcept;

private:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;
    using Drains = std::list<std::shared_ptr<EndHandler>>;

    struct Io {
        explicit Io(const boost::asio::any_io_executor& executor);

        boost::asio::any_io_executor strand;
        tcp::acceptor acceptor;
        boost::asio::steady_timer tick;
        boost::asio::steady_timer pause;
        boost::asio::steady_timer grace;
    };

    class Pending;
    void context_gone(Garbage& garbage) noexcept override;

    // On the strand.
    void accept();
    void come();
    void take_in();
    void admit(tcp::socket socket);
    void pause_accepting();
    void look_at_deadlines();
    void begin_drain(Duration grace, Drains drain);
    void step_after(Duration grace, void (Core::*step)());
    void step_if_due();
    void finish();
    void end_if_last();
    void end();
    void stop();
    void end_drains(error_code error);

    std::shared_ptr<Session> choose_to_go() noexcept;
    void make_room_in_list();
    template <class F>
    void each_session(F f) noexcept;
    static void tell(const std::shared_ptr<Session>& session, void (Session::*what)()) noexcept;

    bool is_closed() const;
    template <class F>
    bool post(F f);

    const ServerOptions options_;
    const Handler handler_;
    const Responder responder_;
    const QuickAnswers quick_;
    const std::shared_ptr<Holdings> holdings_;
    std::size_t max_connections_;
    Duration tick_;
    const tcp protocol_;
    std::uint16_t port_ = 0;

    // On the strand.
    bool stopped_ = false;
    std::vector<std::shared_ptr<Session>> list_;  // empty but while it is gone over
    Duration grace_{};                            // of the drain
    void (Core::*next_step_)() = nullptr;         // of the drain, or null
    Session::Clock::time_point step_at_;

    std::atomic<bool> accepting_{false}, ticking_{false};
    std::atomic<bool> finishing_{false};
    std::atomic<std::uint64_t> ended_for_room_{0}, turned_away_{0};

    mutable std::mutex mutex_;
    boost::asio::any_io_executor executor_;  // empty once the context is gone
    std::unique_ptr<Io> io_;
    std::unordered_set<Session*> sessions_;
    std::unordered_map<std::uint64_t, std::size_t> by_host_;  // how many of them
    Drains drains_;                                           // who waits for a drain
    bool closed_ = false;
};

}  // namespace galaxy::http

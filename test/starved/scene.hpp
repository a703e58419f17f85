// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "starved/famine.hpp"
#include "starved/fetched.hpp"
#include "starved/own_server.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy::test {

namespace asio = boost::asio;

enum class Served : bool { by_ours, by_own };

/// A node with a galaxy, and a link to it, on one context.
class Scene {
public:
    explicit Scene(http::ProtocolOptions asking = {}, http::ServerOptions serving = {},
                   Served served = Served::by_ours)
        : is_secure_(static_cast<bool>(asking.tls)),
          universe_(io_.get_executor(), {.self = "a", .fetch_protocol = http::protocol()}),
          g_(universe_.create("g", load))
    {
        if (served == Served::by_ours) {
            server_.emplace(http::serve(universe_, std::move(serving)));
        } else {
            own_.emplace(io_, universe_);
        }
        const std::uint16_t port = server_ ? server_->port() : own_->port();
        asking.connect_timeout = std::chrono::minutes(2);
        protocol_ = http::protocol(std::move(asking));
        const std::string uri = "127.0.0.1:" + std::to_string(port);
        link_ = protocol_->link(Peer{"a", uri}, {io_.get_executor(), "default", "b", {}});
    }

    /// Whether it was begun.
    bool start(std::string_view key, Verb verb = Verb::fetch)
    {
        std::optional<Exempt> exempt(std::in_place);
        auto fetched = std::make_shared<Fetched>();
        FetchRequest request;
        request.verb = verb;
        request.id = ++ids_;
        request.galaxy = "g";
        request.key = key;
        exempt.reset();
        if (starves([&] { link_->start(request, fetched); })) return false;
        exempt.emplace();
        all_.push_back(std::move(fetched));
        return true;
    }

    /// What was asked for last.
    void cancel()
    {
        starves([&] { link_->cancel(ids_); });
    }

    /// Runs until all have ended that have not been dropped, for as long as a test may take.
    std::size_t run()
    {
        std::size_t thrown = 0;
        const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
        while (!is_over() && std::chrono::steady_clock::now() < limit) {
            io_.restart();
            if (starves([&] { io_.run_one_for(std::chrono::milliseconds(10)); })) ++thrown;
        }
        return thrown;
    }

    bool is_over() const
    {
        for (const auto& one : all_) {
            if (one->completions == 0 && one.use_count() > 1) return false;
        }
        return true;
    }

    void check(std::size_t thrown) const
    {
        std::size_t dropped = 0;
        for (const auto& one : all_) {
            CAPTURE(one->result.error.message(), one->result.detail);
            CHECK(one->completions <= 1);
            if (one->completions == 0) ++dropped;
            CHECK(is_allowed(one->result.error));
        }
        CHECK(dropped <= thrown * all_.size());
    }

    const FetchResult& last() const { return all_.back()->result; }

private:
    static asio::awaitable<Loaded> load(std::string_view key)
    {
        if (key == "missing") co_return Loaded::not_found();
        if (key == "large") co_return Loaded::uncached(std::string(300'000, 'l'));
        co_return Loaded::value("value of " + std::string(key));
    }

    /// A side that has no memory for TLS ends the connection by an alert, which is said of the
    /// peer.
    bool is_allowed(boost::system::error_code error) const
    {
        if (is_secure_ && error == errc::peer_unreachable) return true;
        const bool good = !error || error == errc::not_found;
        return good || error == errc::busy || error == errc::peer_reset
               || error == errc::backend_failed || error == asio::error::operation_aborted;
    }

    const bool is_secure_;
    asio::io_context io_;
    Universe universe_;
    Galaxy g_;
    std::optional<http::Server> server_;
    std::optional<OwnServer> own_;
    std::shared_ptr<FetchProtocol> protocol_;
    std::shared_ptr<RemoteFetcher> link_;
    std::uint64_t ids_ = 0;
    std::vector<std::shared_ptr<Fetched>> all_;
};

/// Nothing else happens meanwhile.
inline constexpr auto undisturbed = [](Scene&) {};

/// Every allocation of five requests at once fails in its turn; those that come later are served.
/// `is_open`: after one that was. `then(scene)` is what else happens meanwhile.
template <class Then>
void starve_requests(const http::ProtocolOptions& asking, const http::ServerOptions& serving,
                     bool is_open, Then then, Served served = Served::by_ours,
                     std::uint64_t step = 1)
{
    const auto scenario = [&](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        Scene scene(asking, serving, served);
        if (is_open) {
            REQUIRE(scene.start("k"));
            scene.run();
            REQUIRE(scene.last().value == "value of k");
        }
        exempt.reset();
        bool struck = false;
        std::size_t thrown = 0;
        {
            const Famine famine = Famine::of_the(n);
            scene.start("k");
            scene.start("k", Verb::peek);
            scene.start("missing");
            scene.start("large");
            scene.start("other");
            then(scene);
            thrown = scene.run();
            struck = famine.struck() != 0;
        }
        CHECK(scene.is_over());
        scene.check(thrown);
        for (const char* key : {"k", "again"}) {
            REQUIRE(scene.start(key));
            scene.run();
            CHECK(scene.last().value == "value of " + std::string(key));
        }
        return struck;
    };
    starve(scenario, step);
}

}  // namespace galaxy::test

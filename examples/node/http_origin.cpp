// SPDX-License-Identifier: BSL-1.0
#include "node/origin.hpp"

#include "support/client.hpp"
#include "support/escape.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace node {
namespace {

namespace asio = boost::asio;
using boost::system::system_error;

// How long a kept connection is worth trying: servers close theirs after a minute or so.
constexpr auto idle_limit = std::chrono::seconds(30);
constexpr std::size_t max_idle = 64;

/// The lifetime that `Cache-Control` gives: nothing said, or so long (zero: not to be kept).
std::optional<std::chrono::seconds> max_age(std::string_view header)
{
    std::optional<std::chrono::seconds> age;
    while (!header.empty()) {
        const std::size_t comma = std::min(header.find(','), header.size());
        std::string_view word = header.substr(0, comma);
        header.remove_prefix(std::min(comma + 1, header.size()));
        word.remove_prefix(std::min(word.find_first_not_of(" \t"), word.size()));
        word = word.substr(0, word.find_last_not_of(" \t") + 1);
        if (word == "no-store" || word == "no-cache") return std::chrono::seconds(0);
        constexpr std::string_view name = "max-age=";
        if (!word.starts_with(name)) continue;
        if (const std::optional<std::uint64_t> seconds = parse_number(word.substr(name.size())))
            age = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 10ULL * 365 * 86'400));
    }
    return age;
}

/// Loads over HTTP, with connections kept for the next load. Everything runs on one strand.
class HttpOrigin : public std::enable_shared_from_this<HttpOrigin> {
public:
    HttpOrigin(const Options& options, asio::any_io_executor strand)
        : strand_(std::move(strand)),
          // The galaxy gives up first, so that it is its clock that ends a get.
          timeout_(options.galaxy.backend_timeout + std::chrono::milliseconds(500)),
          max_value_(options.galaxy.max_value)
    {
        std::string_view rest = options.origin;
        rest.remove_prefix(std::string_view("http://").size());
        const std::size_t slash = std::min(rest.find('/'), rest.size());
        endpoint_ = parse_endpoint(rest.substr(0, slash)).value();
        prefix_ = slash == rest.size() ? "/" : rest.substr(slash);
        // A prefix is a folder, unless the key goes into a query.
        if (!prefix_.ends_with('/') && prefix_.find('?') == std::string::npos) prefix_ += '/';
    }

    asio::awaitable<galaxy::Loaded> load(std::string_view key)
    {
        const std::shared_ptr<HttpOrigin> self = shared_from_this();
        std::string target = prefix_ + support::escape_segment(key);
        std::unique_ptr<support::Client> client = take();
        support::Answer answer;
        try {
            answer = co_await client->get(std::move(target), timeout_);
        } catch (const system_error& error) {
            if (error.code() == boost::beast::http::error::body_limit)
                throw system_error(galaxy::errc::value_too_large);
            if (error.code() == asio::error::timed_out) throw system_error(galaxy::errc::timed_out);
            throw std::runtime_error("the origin cannot be asked: " + error.code().message());
        }
        keep(std::move(client));
        co_return read(std::move(answer));
    }

private:
    struct Idle {
        std::unique_ptr<support::Client> client;
        std::chrono::steady_clock::time_point since;
    };

    std::unique_ptr<support::Client> take()
    {
        const auto oldest = std::chrono::steady_clock::now() - idle_limit;
        std::erase_if(idle_, [&](const Idle& one) { return one.since < oldest; });
        if (!idle_.empty()) {
            std::unique_ptr<support::Client> client = std::move(idle_.back().client);
            idle_.pop_back();
            return client;
        }
        auto client = std::make_unique<support::Client>(strand_, endpoint_.host, endpoint_.port);
        client->set_body_limit(max_value_);
        return client;
    }

    void keep(std::unique_ptr<support::Client> client)
    {
        if (idle_.size() < max_idle)
            idle_.push_back({std::move(client), std::chrono::steady_clock::now()});
    }

    static galaxy::Loaded read(support::Answer answer)
    {
        if (answer.status == 404) return galaxy::Loaded::not_found();
        if (answer.status != 200)
            throw std::runtime_error("the origin answers " + std::to_string(answer.status));
        const auto age = max_age(answer.header("Cache-Control"));
        if (!age) return galaxy::Loaded::value(std::move(answer.body));
        if (age->count() == 0) return galaxy::Loaded::uncached(std::move(answer.body));
        return galaxy::Loaded::value(std::move(answer.body), *age);
    }

    asio::any_io_executor strand_;
    Endpoint endpoint_;
    std::string prefix_;
    galaxy::Duration timeout_;
    std::size_t max_value_;
    std::vector<Idle> idle_;
};

}  // namespace

Origin http_origin(const Options& options, asio::any_io_executor executor)
{
    const asio::any_io_executor strand = asio::make_strand(std::move(executor));
    const auto origin = std::make_shared<HttpOrigin>(options, strand);
    return {[origin](std::string_view key) { return origin->load(key); }, strand, nullptr};
}

}  // namespace node

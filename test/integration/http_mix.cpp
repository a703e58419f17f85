// SPDX-License-Identifier: BSL-1.0
#include "integration/http_mix.hpp"

#include "integration/http_node.hpp"
#include "integration/websocket.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace galaxy::test {

namespace {

using Clock = std::chrono::steady_clock;
using Random = std::mt19937;

std::size_t below(Random& random, std::size_t limit)
{
    return random() % limit;
}

/// In memory before anybody asks, so that they are answered at once; the large ones in pieces.
const std::map<std::string, std::string>& warm_values()
{
    static const std::map<std::string, std::string> values = [] {
        std::map<std::string, std::string> made;
        for (std::size_t i = 0; i != 32; ++i) {
            const std::string number = std::to_string(i);
            made["small" + number] = "the small value " + number;
            made["copied" + number] = std::string(4000, static_cast<char>('a' + i % 26)) + number;
        }
        for (std::size_t i = 0; i != 8; ++i) {
            const auto fill = static_cast<char>('A' + i);
            made["large" + std::to_string(i)] = std::string(100'000 + i * 40'000, fill);
        }
        for (std::size_t i = 0; i != 2; ++i)
            made["huge" + std::to_string(i)] =
                std::string(6'000'000 + i, static_cast<char>('X' + i));
        return made;
    }();
    return values;
}

asio::awaitable<Loaded> load_warm(std::string_view key)
{
    co_return Loaded::value(warm_values().at(std::string(key)));
}

/// "3-…" has to be waited for three times.
asio::awaitable<Loaded> load_slowly(std::string_view key)
{
    for (int turns = key.front() - '0'; turns > 0; --turns)
        co_await asio::post(asio::use_awaitable);
    co_return Loaded::value("the slow value of " + std::string(key));
}

asio::awaitable<http::Response> echo(http::Request request)
{
    http::Response response(200,
                            Value(std::string(request.method) + " " + std::string(request.target)));
    co_return response;
}

/// The server, which keeps nothing of what is slow.
class Served {
public:
    Served(const http::Tls& tls, int threads)
        : universe_(io_.get_executor(), {.self = "b"}),
          warm_(universe_.create("g", load_warm,
                                 patiently(GalaxyOptions{.capacity = std::size_t{256} << 20}))),
          slow_(universe_.create("s", load_slowly, patiently(GalaxyOptions{.capacity = 0}))),
          server_(http::serve(universe_, patiently(http::ServerOptions{.route = echo, .tls = tls})))
    {
        for (const auto& [key, value] : warm_values()) {
            asio::co_spawn(io_, warm_.get(key), asio::detached);
            io_.poll();
        }
        for (int i = 0; i != threads; ++i) threads_.emplace_back([this] { io_.run(); });
    }
    ~Served()
    {
        server_.close();
        universe_.close();
        for (std::thread& thread : threads_) thread.join();
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;

    std::uint16_t port() const { return server_.port(); }

private:
    asio::io_context io_;
    Universe universe_;
    Galaxy warm_;
    Galaxy slow_;
    http::Server server_;
    std::vector<std::thread> threads_;
};

/// What must come for a request.
struct Expected {
    std::string request;  ///< its first line
    std::vector<unsigned> statuses;
    std::string_view body;
    Body whole = Body::expected;
};

/// The requests of one client in a round, and what must come for them.
class Batch {
public:
    enum class End { open, closed };

    Batch(std::string name, Random& random) : name_(std::move(name)), random_(random) {}

    void add_warm(std::string_view kind, std::size_t many)
    {
        const std::string key = std::string(kind) + std::to_string(below(random_, many));
        const bool head = below(random_, 6) == 0;
        const std::string_view last = below(random_, 8) == 0 ? "X-Galaxy-Peer: b\r\n" : "";
        const std::string plain = get("/_galaxycache/g/" + key, last);
        add(head ? "HEAD" + plain.substr(3) : plain, {200}, warm_values().at(key),
            head ? Body::none : Body::expected);
    }

    void add_slow()
    {
        const std::string key = std::to_string(below(random_, 4)) + "-" + unique();
        add(get("/_galaxycache/s/" + key), {200}, own("the slow value of " + key));
    }

    void add_posted()
    {
        const std::string target = "/echo/" + unique();
        const std::string body(below(random_, 3000), 'p');
        std::string headers;
        if (below(random_, 2) == 0) headers += "Expect: 100-continue\r\n";
        std::string framed = body;
        if (below(random_, 2) == 0) {
            headers += "Transfer-Encoding: chunked\r\n";
            framed = chunked(body);
        } else {
            headers += "Content-Length: " + std::to_string(body.size()) + "\r\n";
        }
        add("POST" + get(target, headers).substr(3) + framed, {200}, own("POST " + target));
    }

    /// Refused where something of the connection's is under way already.
    void add_upgrade()
    {
        add(upgrade_request(), {101, 400}, {}, Body::none);
        end_ = End::closed;
    }

    void add_malformed()
    {
        const std::array<std::string, 4> bad = {
            "GET /a HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: z\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"};
        add(bad[below(random_, bad.size())], {400}, "malformed request\n");
        if (below(random_, 2) == 0) text_ += get("/_galaxycache/g/small0");
        end_ = End::closed;
    }

    /// Cut at random.
    std::vector<std::string> pieces()
    {
        std::vector<std::string> cut;
        std::string_view rest = text_;
        for (std::size_t more = below(random_, 4); more > 0 && !rest.empty(); --more) {
            cut.emplace_back(rest.substr(0, below(random_, rest.size())));
            rest.remove_prefix(cut.back().size());
        }
        cut.emplace_back(rest);
        return cut;
    }

    const std::deque<Expected>& expected() const { return expected_; }
    End end() const { return end_; }

private:
    void add(const std::string& request, std::vector<unsigned> statuses, std::string_view body,
             Body whole = Body::expected)
    {
        text_ += request;
        expected_.push_back(
            {request.substr(0, request.find('\r')), std::move(statuses), body, whole});
    }

    std::string unique() { return name_ + "-" + std::to_string(expected_.size()); }

    std::string_view own(std::string body) { return bodies_.emplace_back(std::move(body)); }

    std::string chunked(std::string_view body)
    {
        std::string framed;
        while (!body.empty()) {
            const std::size_t size = 1 + below(random_, std::min<std::size_t>(body.size(), 15));
            framed += "0123456789abcdef"[size];
            framed.append("\r\n").append(body.substr(0, size)).append("\r\n");
            body.remove_prefix(size);
        }
        return framed + "0\r\n" + (below(random_, 3) == 0 ? "X-Trailer: t\r\n" : "") + "\r\n";
    }

    const std::string name_;
    Random& random_;
    std::string text_;
    std::deque<Expected> expected_;
    std::deque<std::string> bodies_;
    End end_ = End::open;
};

/// Throws what is wrong with an answer.
class Client {
public:
    Client(const Connect& connect, std::uint16_t port) : line_(connect(port)) {}

    void send(std::string_view piece) { line_->send(piece); }

    /// Reads the answer and compares.
    void check(const Expected& expected)
    {
        const Got got = answer();
        const auto& statuses = expected.statuses;
        if (std::find(statuses.begin(), statuses.end(), got.status) == statuses.end())
            fail(expected, "status " + std::to_string(got.status));
        if (got.status == 101 || got.status != statuses.front()) return;
        const std::string length = got.header("Content-Length").value_or("none");
        if (length != std::to_string(expected.body.size())) fail(expected, "length " + length);
        if (expected.whole == Body::none) return;
        const std::string body = take(expected.body.size());
        if (body != expected.body)
            fail(expected, "\"" + body.substr(0, 60) + "\" of " + std::to_string(body.size()));
    }

    void check_end()
    {
        if (!rest_.empty() || !line_->receive().empty()) throw std::runtime_error("more to come");
    }

private:
    [[noreturn]] static void fail(const Expected& expected, const std::string& what)
    {
        throw std::runtime_error(expected.request + " was answered with " + what);
    }

    Got answer()
    {
        for (;;) {
            std::size_t end = 0;
            while ((end = rest_.find("\r\n\r\n")) == std::string::npos)
                if (!receive()) return {};
            Got got = split(take(end + 4));
            if (got.status != 100) return got;
        }
    }

    std::string take(std::size_t size)
    {
        while (rest_.size() < size && receive()) {}
        std::string taken = rest_.substr(0, size);
        rest_.erase(0, size);
        return taken;
    }

    bool receive()
    {
        const std::string piece = line_->receive();
        rest_ += piece;
        return !piece.empty();
    }

    std::unique_ptr<Line> line_;
    std::string rest_;
};

/// Clients that come back round after round, on the same connections where those go on.
class Play {
public:
    Play(const Connect& connect, std::uint16_t port) : connect_(connect), port_(port) {}

    void round(std::uint32_t seed)
    {
        Random random(seed);
        std::vector<std::unique_ptr<Batch>> batches;
        std::vector<std::size_t> quick;
        std::vector<std::size_t> deaf;
        for (std::size_t i = 0; i != clients_.size(); ++i) {
            const bool reads = below(random, 3) != 0;
            (reads ? quick : deaf).push_back(i);
            batches.push_back(batch(std::to_string(seed) + "-" + std::to_string(i), reads, random));
            if (!clients_[i]) clients_[i] = std::make_unique<Client>(connect_, port_);
        }
        // What the deaf ones sent is half answered when the others come.
        send(deaf, batches, random);
        send(quick, batches, random);
        receive(quick, batches, random);
        receive(deaf, batches, random);
        for (std::size_t i = 0; i != clients_.size(); ++i) end(i, *batches[i]);
    }

    std::size_t answers() const { return answers_; }

private:
    using Batches = std::vector<std::unique_ptr<Batch>>;

    static std::unique_ptr<Batch> batch(std::string name, bool reads, Random& random)
    {
        auto made = std::make_unique<Batch>(std::move(name), random);
        if (!reads) {
            if (below(random, 8) == 0) {
                made->add_warm("huge", 2);
            } else {
                made->add_warm("large", 8);
            }
        }
        for (std::size_t more = 1 + below(random, 16); more > 0; --more) {
            switch (below(random, 16)) {
            case 0: made->add_warm("large", 8); break;
            case 1:
            case 2: made->add_slow(); break;
            case 3:
            case 4: made->add_posted(); break;
            case 5:
            case 6: made->add_warm("copied", 32); break;
            default: made->add_warm("small", 32);
            }
        }
        const std::size_t last = below(random, 20);
        if (last == 0) made->add_upgrade();
        if (last == 1) made->add_malformed();
        return made;
    }

    /// The pieces of all of them in any order.
    void send(const std::vector<std::size_t>& who, const Batches& batches, Random& random)
    {
        std::vector<std::pair<std::size_t, std::vector<std::string>>> left;
        for (const std::size_t i : who) left.emplace_back(i, batches[i]->pieces());
        while (!left.empty()) {
            const std::size_t one = below(random, left.size());
            auto& [client, pieces] = left[one];
            clients_[client]->send(pieces.front());
            pieces.erase(pieces.begin());
            if (pieces.empty()) left.erase(left.begin() + static_cast<std::ptrdiff_t>(one));
        }
    }

    /// An answer of one, an answer of another.
    void receive(const std::vector<std::size_t>& who, const Batches& batches, Random& random)
    {
        std::vector<std::pair<std::size_t, std::size_t>> left;
        for (const std::size_t i : who) left.emplace_back(i, 0);
        while (!left.empty()) {
            const std::size_t one = below(random, left.size());
            auto& [client, number] = left[one];
            const std::deque<Expected>& expected = batches[client]->expected();
            clients_[client]->check(expected[number]);
            ++answers_;
            if (++number == expected.size())
                left.erase(left.begin() + static_cast<std::ptrdiff_t>(one));
        }
    }

    void end(std::size_t client, const Batch& batch)
    {
        if (batch.end() == Batch::End::open) return;
        if (batch.expected().back().statuses.front() == 400) clients_[client]->check_end();
        clients_[client].reset();
    }

    const Connect& connect_;
    const std::uint16_t port_;
    std::array<std::unique_ptr<Client>, 8> clients_;
    std::size_t answers_ = 0;
};

}  // namespace

Played play_mix(const Connect& connect, const http::Tls& tls, int threads, std::uint32_t seed,
                std::size_t rounds, std::chrono::milliseconds time)
{
    const auto until = Clock::now() + time;
    Served served(tls, threads);
    Play play(connect, served.port());
    Played played;
    try {
        for (; rounds > 0 || Clock::now() < until; rounds -= rounds > 0 ? 1 : 0) play.round(seed++);
    } catch (const std::exception& wrong) {
        played.fault = "seed " + std::to_string(seed - 1) + ": " + wrong.what();
    }
    played.answers = play.answers();
    return played;
}

}  // namespace galaxy::test

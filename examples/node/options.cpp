// SPDX-License-Identifier: BSL-1.0
#include "node/options.hpp"

#include "node/peers.hpp"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace node {
namespace {

using Flag = support::Flag<Options>;
using Setter = decltype(Flag::set);
using support::reject;

enum class Zero { allowed, refused };

template <class Select>
Setter duration(Zero zero, Select select)
{
    return [=](Options& options, std::string_view text) {
        const std::optional<galaxy::Duration> parsed = parse_duration(text);
        if (!parsed) reject("a duration such as 250ms, 5s or 5m", text);
        if (zero == Zero::refused && *parsed == galaxy::Duration::zero())
            reject("a duration above zero", text);
        *select(options) = *parsed;
    };
}

template <class Select>
Setter count(std::size_t most, Select select)
{
    return [=](Options& options, std::string_view text) {
        const std::optional<std::uint64_t> parsed = parse_number(text);
        if (!parsed || *parsed == 0 || *parsed > most)
            reject("a number from 1 to " + std::to_string(most), text);
        *select(options) = static_cast<std::size_t>(*parsed);
    };
}

template <class Select>
Setter name(Select select)
{
    return [=](Options& options, std::string_view text) {
        if (!is_name(text))
            reject("1 to 255 printable ASCII characters without a blank at either end", text);
        *select(options) = text;
    };
}

void set_listen(Options& options, std::string_view text)
{
    const std::optional<Endpoint> endpoint = parse_endpoint(text);
    if (!endpoint) reject("HOST:PORT", text);
    options.listen = *endpoint;
}

void set_peer(Options& options, std::string_view text)
{
    const std::optional<galaxy::Peer> peer = parse_peer(text);
    if (!peer) reject("ID=URI", text);
    options.peers.push_back(*peer);
}

void set_picker(Options& options, std::string_view text)
{
    if (text == "rendezvous") {
        options.universe.picker = galaxy::rendezvous();
    } else if (text == "ring") {
        options.universe.picker = galaxy::hash_ring();
    } else {
        reject("rendezvous or ring", text);
    }
}

bool goes_into_a_request(std::string_view url)
{
    return std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

void set_origin(Options& options, std::string_view text)
{
    constexpr std::string_view http = "http://";
    constexpr std::string_view sqlite = "sqlite:";
    bool good = text == "echo" || (text.starts_with(sqlite) && text.size() > sqlite.size());
    if (text.starts_with(http)) {
        const std::string_view authority = text.substr(http.size());
        const std::optional<Endpoint> at = parse_endpoint(authority.substr(0, authority.find('/')));
        // The key comes last: "?key=" is a query that it may end.
        const bool open = text.find('?') == std::string_view::npos || text.ends_with('=');
        good = at && at->port != 0 && goes_into_a_request(text) && open;
    }
    if (!good)
        reject("echo, sqlite:FILE, http://HOST:PORT/PREFIX or http://HOST:PORT/PATH?NAME=", text);
    options.origin = text;
}

std::size_t read_size(std::string_view text)
{
    const std::optional<std::size_t> bytes = parse_size(text);
    if (!bytes) reject("bytes, such as 1000000, 64M or 1G", text);
    return *bytes;
}

void set_capacity(Options& options, std::string_view text)
{
    options.galaxy.capacity = read_size(text);
}

void set_max_held(Options& options, std::string_view text)
{
    options.max_held = read_size(text);
    if (options.max_held == 0u) reject("bytes, at least one", text);
}

Flag file_flag(std::string_view flag, std::string_view help, std::string Options::* where)
{
    return {flag, "FILE", help, [where](Options& o, std::string_view text) {
                if (text.empty()) reject("a file", text);
                o.*where = text;
            }};
}

std::vector<Flag> identity_flags()
{
    return {
        {"--listen", "HOST:PORT", "where to serve; port 0: any free one (required)", set_listen},
        {"--id", "ID", "this node's id among the peers (required)",
         name([](Options& o) { return &o.universe.self; })},
        {"--galaxy", "NAME", "the galaxy to serve (required)",
         name([](Options& o) { return &o.galaxy_name; })},
        {"--origin", "ORIGIN", "echo, sqlite:FILE or http://HOST:PORT/PREFIX (required)",
         set_origin},
        {"--query", "SQL", "of sqlite, with ?1 for the key",
         [](Options& o, std::string_view text) {
             if (text.empty()) reject("a select with ?1 for the key", text);
             o.query = text;
         }},
        {"--peer", "ID=URI", "another node; repeatable", set_peer},
        file_flag("--peers", "other nodes, ID=URI and a newline each; looked at every second",
                  &Options::peers_file),
        {"--client-only", "", "ask the others and own no key",
         [](Options& o, std::string_view) {
             o.client_only = true;
             o.universe.role = galaxy::Role::client_only;
         }},
        {"--universe", "NAME", "nodes of another universe are refused (default)",
         name([](Options& o) { return &o.universe.name; })},
        {"--picker", "NAME", "rendezvous or ring; ring is what Go galaxycache uses (rendezvous)",
         set_picker},
        {"--capacity", "BYTES", "of the cache, also as 64M or 1G; 0 keeps nothing (64M)",
         set_capacity},
        {"--max-held", "BYTES",
         "that connections may make it hold (an eighth of the memory limit, 8M to 256M)",
         set_max_held},
        {"--threads", "N", "threads that serve (1)",
         count(256, [](Options& o) { return &o.threads; })},
        {"--max-connections", "N",
         "of clients and peers at once (10000, or less by memory and descriptor limits)",
         count(1'000'000, [](Options& o) { return &o.max_connections; })},
        {"--max-backend-loads", "N",
         "loads from the origin at once, more wait (1024, or a quarter of the descriptor limit)",
         count(1'000'000, [](Options& o) { return &o.max_backend_loads; })},
    };
}

// What SIGHUP reads again.
std::vector<Flag> trust_flags()
{
    return {
        file_flag("--tls-cert", "PEM: serve under TLS, with this chain of certificates",
                  &Options::tls_certificate),
        file_flag("--tls-key", "PEM: the key of the certificate", &Options::tls_key),
        file_flag("--tls-ca", "PEM: who else connects, or is a peer, needs a certificate of these",
                  &Options::tls_authorities),
        file_flag("--secret-file", "secrets that peers must send, one a line; the first is sent",
                  &Options::secret_file),
    };
}

std::vector<Flag> time_flags()
{
    using enum Zero;
    const auto flag = [](std::string_view name, std::string_view help, Zero zero, auto select) {
        return Flag{name, "TIME", help, duration(zero, select)};
    };
    return {
        flag("--get-timeout", "of a get (10s)", refused,
             [](Options& o) { return &o.galaxy.get_timeout; }),
        flag("--max-wait", "the longest that a peer may let a request wait (60s)", refused,
             [](Options& o) { return &o.max_wait; }),
        flag("--backend-timeout", "of a load from the origin (8s)", refused,
             [](Options& o) { return &o.galaxy.backend_timeout; }),
        flag("--connect-timeout", "of connecting to a peer (250ms)", refused,
             [](Options& o) { return &o.protocol.connect_timeout; }),
        flag("--silence", "how long a peer may say nothing (1s)", refused,
             [](Options& o) { return &o.universe.silence; }),
        flag("--peek-timeout", "of a peek at a previous owner; 0: never peek (10ms)", allowed,
             [](Options& o) { return &o.universe.peek_timeout; }),
        flag("--warm-window", "how long previous owners are peeked; 0: never (5m)", allowed,
             [](Options& o) { return &o.universe.warm_window; }),
        flag("--backoff-min", "first pause before a failed peer is probed (100ms)", refused,
             [](Options& o) { return &o.universe.backoff_min; }),
        flag("--backoff-max", "longest pause before a failed peer is probed (10s)", refused,
             [](Options& o) { return &o.universe.backoff_max; }),
        flag("--fallback-ttl", "of values loaded for failed owners; 0: not kept (10s)", allowed,
             [](Options& o) { return &o.galaxy.fallback_ttl; }),
        flag("--drain", "how long to serve on after SIGTERM (5s)", allowed,
             [](Options& o) { return &o.drain; }),
        flag("--idle-reset", "popularity of a key not asked so long starts anew (60s)", refused,
             [](Options& o) { return &o.galaxy.idle_reset; }),
        flag("--get-ttl", "longest lifetime of a value; 0: no cap (0)", allowed,
             [](Options& o) { return &o.galaxy.get_ttl; }),
        flag("--peek-ttl", "the same of a peeked value; 0: as --get-ttl (0)", allowed,
             [](Options& o) { return &o.galaxy.peek_ttl; }),
    };
}

const std::vector<Flag>& flags()
{
    static const std::vector<Flag> all = [] {
        std::vector<Flag> joined = identity_flags();
        for (Flag& flag : trust_flags()) joined.push_back(std::move(flag));
        for (Flag& flag : time_flags()) joined.push_back(std::move(flag));
        return joined;
    }();
    return all;
}

void check_required(const Options& options)
{
    if (options.listen.host.empty()) throw UsageError("--listen is missing");
    if (options.universe.self.empty()) throw UsageError("--id is missing");
    if (options.galaxy_name.empty()) throw UsageError("--galaxy is missing");
    if (options.origin.empty()) throw UsageError("--origin is missing");
}

// What one flag alone cannot tell.
void check_together(const Options& options)
{
    if (options.universe.backoff_min > options.universe.backoff_max)
        throw UsageError("--backoff-min is longer than --backoff-max");
    if (options.client_only && options.peers.empty() && options.peers_file.empty())
        throw UsageError("--client-only needs --peer or --peers, or there is nobody to ask");
    if (options.tls_certificate.empty() != options.tls_key.empty())
        throw UsageError("--tls-cert and --tls-key go together");
    if (!options.tls_authorities.empty() && options.tls_certificate.empty())
        throw UsageError("--tls-ca needs --tls-cert: both sides show a certificate");
    // With port 0 the node's own port is not known yet; its own entry is then checked when it is.
    const bool known = options.listen.port != 0;
    const galaxy::Peer self{options.universe.self,
                            known ? to_string(options.listen) : std::string{}};
    try {
        unite({options.peers, self, options.client_only}, {});
    } catch (const std::runtime_error& error) {
        throw UsageError(std::string("--peer: ") + error.what());
    }
    const std::shared_ptr<galaxy::FetchProtocol> protocol =
        galaxy::http::protocol(options.protocol);
    boost::asio::io_context unused;
    for (const galaxy::Peer& peer : options.peers) {
        try {
            protocol->link(peer, {unused.get_executor(), options.universe.name, self.id, {}})
                ->close();
        } catch (const std::invalid_argument& error) {
            throw UsageError("--peer " + peer.id + ": " + error.what());
        }
    }
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments)
{
    CommandLine line;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        auto [name, value] = support::split_argument(arguments[i]);
        if (name == "--help" || name == "--version") {
            line.action = name == "--help" ? Action::help : Action::version;
            return line;
        }
        const Flag* const flag = support::find_flag(flags(), name);
        if (flag == nullptr)
            throw UsageError(arguments[i] + " is not a flag of galaxy-node; see --help");
        if (flag->value.empty()) {
            if (value) throw UsageError(std::string(flag->name) + " takes no value");
        } else if (!value) {
            if (i + 1 == arguments.size() || arguments[i + 1].starts_with("--"))
                throw UsageError(std::string(flag->name) + " needs a value, "
                                 + std::string(flag->value));
            value = arguments[++i];
        }
        flag->apply(line.options, value.value_or(""));
    }
    check_required(line.options);
    check_together(line.options);
    return line;
}

std::string help_text()
{
    std::string text =
        "usage: galaxy-node --listen HOST:PORT --id ID --galaxy NAME --origin ORIGIN ...\n\n"
        "Serves one galaxy to its peers, and as GET /get/GALAXY/KEY to anybody.\n"
        "Besides: GET /ready, GET /stats.\n\n";
    for (const Flag& flag : flags()) {
        std::string left = "  " + std::string(flag.name) + " " + std::string(flag.value);
        left.resize(std::max<std::size_t>(left.size() + 1, 27), ' ');
        text += left + std::string(flag.help) + "\n";
    }
    return text
           + "  --help, --version\n\nTIME is such as 250ms, 5s or 5m.\n"
             "http://HOST:PORT/PREFIX is asked for PREFIX/KEY, http://HOST:PORT/PATH?NAME= for\n"
             "?NAME=KEY, the key percent-encoded, slashes too. 200 is the value, kept as its\n"
             "Cache-Control, Expires, Age, Pragma and Vary allow, else until evicted; 404: no "
             "such\n"
             "key. "
             "Below a PREFIX there is no key with a NUL or with a segment of dots (also by\n"
             "backslashes, before \";?#\", or escaped in the key itself), as a server may take it\n"
             "for what lies beside PREFIX. What else a server takes for the same, such as \"//\"\n"
             "for \"/\", is for you to know: of its values each is kept under the key asked for.\n"
             "Each FILE is a regular one. That of --peers ends with a newline, or is taken for\n"
             "half written; to replace it at once, write a new one and rename it. Once it has had\n"
             "peers an empty one is taken for half written too; one newline is no peers.\n"
             "SIGHUP reads certificates and secrets again, and never ends the node.\n"
             "The log, on standard error, waits for no reader: it drops lines, and says so.\n";
}

}  // namespace node

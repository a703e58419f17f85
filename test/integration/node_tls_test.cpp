// SPDX-License-Identifier: BSL-1.0
#include "integration/node_process.hpp"
#include "integration/tls_wire.hpp"
#include "support/certificates.hpp"
#include "support/places.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using http::TlsOptions;

void write(const std::string& path, const std::string& text)
{
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
}

/// Three nodes that believe one authority, and share a secret.
class Fleet {
public:
    Fleet()
    {
        write(peers_, "");
        write(secrets_, "aleph-1\n");
        std::string peers;
        for (const std::string id : {"a", "b", "c"}) {
            const TlsOptions own = authority.issue(id, "IP:127.0.0.1");
            nodes.push_back(std::make_unique<NodeProcess>(
                id, with_time({"--origin", "echo", "--peers", peers_, "--secret-file", secrets_,
                               "--tls-cert", own.certificate_chain, "--tls-key", own.private_key,
                               "--tls-ca", own.authorities})));
            peers += id + "=" + nodes.back()->uri() + "\n";
        }
        write(peers_, peers);
        REQUIRE(eventually([this] {
            for (std::size_t i = 0; i < nodes.size(); ++i) {
                if (stats(i).at("peers").as_object().size() < 2) return false;
            }
            return true;
        }));
    }

    /// What node i answers to a client with this certificate; empty where it refuses it.
    std::string ask(std::size_t i, const std::string& target, const std::string& headers = {})
    {
        return ask(i, target, headers, client);
    }
    std::string ask(std::size_t i, const std::string& target, const std::string& headers,
                    const TlsOptions& as)
    {
        Wire wire = Wire::to(nodes[i]->port());
        TlsWire tls(wire, as);
        if (!tls.shake_hands()) return {};
        shown = tls.shown();
        tls.send("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers
                 + "\r\n");
        return tls.receive_all();
    }
    boost::json::object stats(std::size_t i)
    {
        const std::string all = ask(i, "/stats");
        return boost::json::parse(all.substr(all.find("\r\n\r\n") + 4)).as_object();
    }
    /// A full get at every node.
    bool all_serve(const std::string& key)
    {
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (!ask(i, "/get/g/" + key).starts_with("HTTP/1.1 200")) return false;
        }
        return true;
    }
    std::int64_t peer_failures()
    {
        std::int64_t failures = 0;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const boost::json::object now = stats(i);
            for (const auto& peer : now.at("peers").as_object())
                failures += peer.value().at("failures").to_number<std::int64_t>();
        }
        return failures;
    }
    void hang_up()
    {
        for (const auto& node : nodes) {
            const std::size_t before = node->process().err().size();
            node->process().signal(SIGHUP);
            REQUIRE(eventually([&] {
                return node->process().err().find("certificates and secrets", before)
                       != std::string::npos;
            }));
        }
    }
    void set_secrets(const std::string& lines)
    {
        write(secrets_, lines);
        hang_up();
    }

    Authority authority;
    TlsOptions client = authority.issue("client");
    std::vector<std::unique_ptr<NodeProcess>> nodes;
    std::string shown;  ///< whose certificate the last answer came under

private:
    std::string peers_ = authority.path("peers");
    std::string secrets_ = authority.path("secrets");
};

}  // namespace

TEST_CASE("Three nodes trust one authority and a secret, and take new ones while they serve",
          "[node][tls]")
{
    Fleet fleet;
    for (int i = 0; i < 30; ++i) CHECK(fleet.all_serve("k" + std::to_string(i)));
    CHECK(fleet.peer_failures() == 0);
    std::int64_t fetched = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        fetched += fleet.stats(i).at("galaxies").at("g").at("from_peer").to_number<std::int64_t>();
    }
    CHECK(fetched > 0);

    // Who is not of the fleet gets nothing at all, or nothing of the peers'.
    Authority other("other authority");
    CHECK(fleet.ask(0, "/get/g/k", {}, {}).empty());
    CHECK(fleet.ask(0, "/get/g/k", {}, other.issue("stranger")).empty());
    CHECK(raw_status(fleet.nodes[0]->port(), "GET /get/g/k HTTP/1.1\r\n\r\n") == 0);
    const std::string peers_path = "/_galaxycache/g/k1";
    const auto bearing = [](const std::string& secret) {
        return "Authorization: Bearer " + secret + "\r\n";
    };
    CHECK(fleet.ask(0, peers_path).starts_with("HTTP/1.1 401"));
    CHECK(fleet.ask(0, peers_path, bearing("wrong")).starts_with("HTTP/1.1 401"));
    CHECK(fleet.ask(0, peers_path, bearing("aleph-1")).starts_with("HTTP/1.1 200"));

    // Another certificate for each.
    CHECK(fleet.shown == "a");
    const TlsOptions renewed = fleet.authority.issue("renewed", "IP:127.0.0.1");
    for (const std::string id : {"a", "b", "c"}) {
        write(fleet.authority.path(id + ".key"), "not yet");
        fleet.hang_up();
        CHECK(fleet.all_serve("half%20" + id));
        for (const std::string end : {".pem", ".key"}) {
            std::filesystem::copy_file(fleet.authority.path("renewed" + end),
                                       fleet.authority.path(id + end),
                                       std::filesystem::copy_options::overwrite_existing);
        }
        fleet.hang_up();
        CHECK(fleet.all_serve("renewed%20" + id));
    }
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK_FALSE(fleet.ask(i, "/ready").empty());
        CHECK(fleet.shown == "renewed");
    }

    // Another secret.
    fleet.set_secrets("aleph-1\nbeth-2\n");
    CHECK(fleet.all_serve("two"));
    fleet.set_secrets("beth-2\r\n\naleph-1\n");
    CHECK(fleet.all_serve("three"));
    fleet.set_secrets("beth-2");
    CHECK(fleet.all_serve("four"));
    CHECK(fleet.ask(0, peers_path, bearing("aleph-1")).starts_with("HTTP/1.1 401"));
    CHECK(fleet.ask(0, peers_path, bearing("beth-2")).starts_with("HTTP/1.1 200"));
    fleet.set_secrets("");
    CHECK(fleet.ask(0, peers_path, bearing("beth-2")).starts_with("HTTP/1.1 200"));
    CHECK(fleet.peer_failures() == 0);
    for (const auto& node : fleet.nodes) {
        CHECK(node->process().err().find("aleph-1") == std::string::npos);
        CHECK(node->process().err().find("beth-2") == std::string::npos);
    }
}

TEST_CASE("Flags of trust that cannot be used end the node at once", "[node][tls]")
{
    Authority authority;
    const TlsOptions own = authority.issue("a");
    write(authority.path("empty"), "\n\n");
    write(authority.path("spaced"), "open sesame\n");
    const std::string fifo = authority.path("fifo");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    struct Case {
        Words flags;
        int code;
        std::string says;
    };
    const std::vector<Case> cases = {
        {{"--tls-cert", own.certificate_chain}, 2, "--tls-key"},
        {{"--tls-key", own.private_key}, 2, "--tls-cert"},
        {{"--tls-ca", own.authorities}, 2, "--tls-ca"},
        {{"--secret-file", ""}, 2, "--secret-file"},
        {{"--tls-cert", "/nowhere", "--tls-key", own.private_key}, 1, "/nowhere"},
        {{"--tls-cert", own.certificate_chain, "--tls-key", own.certificate_chain}, 1, "key"},
        {{"--secret-file", "/nowhere"}, 1, "--secret-file"},
        {{"--secret-file", authority.path("empty")}, 1, "--secret-file"},
        {{"--secret-file", authority.path("spaced")}, 1, "spaces"},
        {{"--secret-file", authority.path("spaced")},
         1,
         "--secret-file: " + authority.path("spaced")},
        {{"--tls-cert", fifo, "--tls-key", own.private_key}, 1, "not a regular file"},
        {{"--tls-cert", own.certificate_chain, "--tls-key", fifo}, 1, "not a regular file"},
        {{"--tls-cert", own.certificate_chain, "--tls-key", own.private_key, "--tls-ca", fifo},
         1,
         "not a regular file"},
    };
    for (const Case& one : cases) {
        Words words{node_program(), "--id",        "a",        "--galaxy", "g",
                    "--listen",     "127.0.0.1:0", "--origin", "echo"};
        words.insert(words.end(), one.flags.begin(), one.flags.end());
        support::Process process(words);
        CAPTURE(one.says);
        CHECK(process.wait_for(1min) == one.code);
        CHECK(process.err().find(one.says) != std::string::npos);
        CHECK(process.err().find("sesame") == std::string::npos);
    }
}

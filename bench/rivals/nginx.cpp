// SPDX-License-Identifier: BSL-1.0
#include "rivals/nginx.hpp"

#include "rivals/servers.hpp"
#include "support/child.hpp"

#include <filesystem>
#include <fstream>
#include <vector>

namespace bench {

namespace {

/// A word of a configuration must be short, so a long value is put together out of pieces.
std::string answer(std::string_view value)
{
    constexpr std::size_t piece = 4000;
    std::string pieces;
    std::string whole;
    for (std::size_t at = 0; at < value.size(); at += piece) {
        const std::string name = "$p" + std::to_string(at / piece);
        pieces.append("set ").append(name).append(" \"").append(value.substr(at, piece));
        pieces.append("\"; ");
        whole += name;
    }
    if (value.size() <= piece) return "return 200 \"" + std::string(value) + "\";";
    return pieces + "return 200 \"" + whole + "\";";
}

std::string configuration(std::uint16_t port, std::string_view value)
{
    std::string text = "daemon off; master_process off; pid nginx.pid; error_log stderr;\n"
                       "events { worker_connections 8192; }\n"
                       "http {\n"
                       "access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;\n"
                       "default_type application/octet-stream; tcp_nodelay on;\n";
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        text += std::string(kind) + "_temp_path " + kind + ";\n";
    return text + "server { listen 127.0.0.1:" + std::to_string(port) + "; location / { "
           + answer(value) + " } }\n}\n";
}

}  // namespace

std::unique_ptr<Nginx> Nginx::start(std::string_view value)
{
    std::string program = find_program("nginx");
    // Where Debian puts it, which is not in everybody's PATH.
    if (program.empty() && std::filesystem::exists("/usr/sbin/nginx")) program = "/usr/sbin/nginx";
    if (program.empty()) return nullptr;
    return std::unique_ptr<Nginx>(new Nginx(program, value));
}

Nginx::Nginx(const std::string& program, std::string_view value) : port_(free_port())
{
    std::ofstream(folder_ / "nginx.conf") << configuration(port_, value);
    process_ = std::make_unique<support::Process>(std::vector<std::string>{
        program, "-p", folder_.path().string(), "-c", (folder_ / "nginx.conf").string()});
    await_listener(*process_, port_, program);
}

}  // namespace bench

// SPDX-License-Identifier: BSL-1.0
#include "rivals/servers.hpp"

#include "support/child.hpp"
#include "support/workload.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <charconv>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace bench {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::size_t number_after(std::string_view text, std::string_view mark)
{
    const std::size_t at = text.find(mark);
    if (at == text.npos) return 0;
    std::size_t number = 0;
    std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), number);
    return number;
}

class Memcached final : public Server {
public:
    Memcached(const std::string& program, std::size_t megabytes)
    {
        start(program, "-p",
              {"-l", "127.0.0.1", "-U", "0", "-t", "1", "-u", "nobody", "-c", "4096", "-m",
               std::to_string(megabytes)});
    }

    std::string get_request(std::string_view key) const override
    {
        return std::string("get ").append(key).append("\r\n");
    }
    std::string answer(std::string_view key, std::string_view value) const override
    {
        return std::string("VALUE ").append(key).append(" 0 ").append(std::to_string(value.size()))
               + "\r\n" + std::string(value) + "\r\nEND\r\n";
    }

private:
    std::string set_request(std::string_view key, std::string_view value) const override
    {
        return std::string("set ").append(key).append(" 0 0 ").append(std::to_string(value.size()))
               + "\r\n" + std::string(value) + "\r\n";
    }
    std::string_view set_answer() const override { return "STORED\r\n"; }
    std::string_view count_request() const override { return "stats\r\n"; }
    std::string_view count_end() const override { return "END\r\n"; }
    std::size_t count_in(std::string_view answer) const override
    {
        return number_after(answer, "STAT curr_items ");
    }
};

class Redis final : public Server {
public:
    explicit Redis(const std::string& program)
    {
        start(program, "--port",
              {"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"});
    }

    std::string get_request(std::string_view key) const override
    {
        return "*2\r\n$3\r\nGET\r\n" + bulk(key);
    }
    std::string answer(std::string_view, std::string_view value) const override
    {
        return bulk(value);
    }

private:
    static std::string bulk(std::string_view bytes)
    {
        std::string text("$");  // not "$" + …, of which g++ 12 warns at -O3
        text.append(std::to_string(bytes.size())).append("\r\n").append(bytes).append("\r\n");
        return text;
    }
    std::string set_request(std::string_view key, std::string_view value) const override
    {
        return "*3\r\n$3\r\nSET\r\n" + bulk(key) + bulk(value);
    }
    std::string_view set_answer() const override { return "+OK\r\n"; }
    std::string_view count_request() const override { return "*1\r\n$6\r\nDBSIZE\r\n"; }
    std::string_view count_end() const override { return "\r\n"; }
    std::size_t count_in(std::string_view answer) const override
    {
        return number_after(answer, ":");
    }
};

}  // namespace

std::uint16_t free_port()
{
    asio::io_context io;
    const tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    return acceptor.local_endpoint().port();
}

void await_listener(support::Process& process, std::uint16_t port, const std::string& program)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    asio::io_context io;
    for (;;) {
        tcp::socket socket(io);
        boost::system::error_code error;
        socket.connect({asio::ip::address_v4::loopback(), port}, error);
        if (!error) return;
        if (process.exit_code() || std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error(program + " does not answer; it says: " + process.err()
                                     + process.out());
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

void Server::start(const std::string& program, std::string_view port_flag,
                   std::vector<std::string> arguments)
{
    port_ = free_port();
    std::vector<std::string> command = {program, std::string(port_flag), std::to_string(port_)};
    command.insert(command.end(), arguments.begin(), arguments.end());
    process_ = std::make_unique<support::Process>(std::move(command));
    await_listener(*process_, port_, program);
}

void Server::fill(std::size_t count, std::size_t key_size, std::size_t value_size)
{
    constexpr std::size_t at_once = 256;
    asio::io_context io;
    tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), port_});
    const std::string value = make_value(value_size);
    for (std::size_t i = 0; i < count;) {
        std::string requests;
        std::string expected;
        for (std::size_t end = std::min(count, i + at_once); i != end; ++i) {
            requests += set_request(make_key(i, key_size), value);
            expected += set_answer();
        }
        asio::write(socket, asio::buffer(requests));
        std::string answers(expected.size(), '\0');
        asio::read(socket, asio::buffer(answers));
        if (answers != expected) throw std::runtime_error("a server did not store: " + answers);
    }
    asio::write(socket, asio::buffer(count_request()));
    std::string answer;
    asio::read_until(socket, asio::dynamic_buffer(answer), count_end());
    if (count_in(answer) != count)
        throw std::runtime_error("a server holds " + std::to_string(count_in(answer)) + " of "
                                 + std::to_string(count) + " entries");
}

std::unique_ptr<Server> start_memcached(std::size_t megabytes)
{
    const std::string program = find_program("memcached");
    if (program.empty()) return nullptr;
    return std::make_unique<Memcached>(program, megabytes);
}

std::unique_ptr<Server> start_redis()
{
    const std::string program = find_program("redis-server");
    if (program.empty()) return nullptr;
    return std::make_unique<Redis>(program);
}

}  // namespace bench

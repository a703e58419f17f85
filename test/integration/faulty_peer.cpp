// SPDX-License-Identifier: BSL-1.0
#include "integration/faulty_peer.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <utility>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace galaxy::test {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::string_view alert("\x15\x03\x03\x00\x02\x02\x28", 7);  // fatal: handshake failure
constexpr std::string_view nonsense("\x7f\x45\x4c\x46\x02\x01\x01\x00 what? \xff\xfe\r\n\r\n", 20);

std::string_view half_of(std::string_view whole)
{
    return whole.substr(0, whole.size() / 2);
}

}  // namespace

std::string_view name_of(Fault fault)
{
    switch (fault) {
    case Fault::refuse: return "refuse";
    case Fault::reset: return "reset";
    case Fault::hang_before_header: return "hang before the header";
    case Fault::hang_in_body: return "hang in the body";
    case Fault::stuck: return "stuck";
    case Fault::cut_in_frame: return "cut in a frame";
    case Fault::garbage: return "garbage";
    case Fault::wrong_id: return "wrong id";
    case Fault::duplicate_answer: return "duplicate answer";
    case Fault::slow_drip: return "slow drip";
    case Fault::tls_failure: return "TLS failure";
    case Fault::close_while_idle: return "close while idle";
    case Fault::half_open: return "half-open";
    }
    return "?";
}

class FaultyPeer::Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(FaultyPeer& peer, Tcp::socket socket)
        : peer_(peer),
          socket_(std::move(socket)),
          dialect_(peer.speak_()),
          cloak_(peer.wrap_ ? peer.wrap_() : nullptr)
    {
    }

    void listen()
    {
        socket_.async_read_some(asio::buffer(bytes_),
                                [self = shared_from_this()](error_code error, std::size_t size) {
                                    if (error) return self->peer_.gone(self);
                                    self->peer_.heard(self, {self->bytes_.data(), size});
                                    if (self->socket_.is_open()) self->listen();
                                });
    }

    /// What was meant by `bytes`, which came.
    std::string uncover(std::string_view bytes)
    {
        if (!cloak_) return std::string(bytes);
        std::string reply;
        std::string meant = cloak_->take_off(bytes, reply);
        write(reply);
        return meant;
    }

    void say(std::string_view bytes)
    {
        if (silent || bytes.empty()) return;
        write(cloak_ ? cloak_->put_on(bytes) : bytes);
    }

    /// In good order.
    void say_last(std::string_view bytes)
    {
        say(bytes);
        if (cloak_) write(cloak_->farewell());
        close();
    }

    void fail_tls()
    {
        write(alert);
        close();
    }

    void close()
    {
        error_code ignored;
        socket_.close(ignored);
    }

    void reset()
    {
        error_code ignored;
        socket_.set_option(Tcp::socket::linger(true, 0), ignored);
        close();
    }

    void drip()
    {
        if (dripping.empty()) return;
        say(dripping.substr(0, 1));
        dripping.erase(0, 1);
    }

    bool delivered()
    {
        int unacknowledged = 0;
        return dripping.empty() || !socket_.is_open()
               || ::ioctl(socket_.native_handle(), SIOCOUTQ, &unacknowledged) != 0
               || unacknowledged == 0;
    }

    Dialect& dialect() { return *dialect_; }

    std::vector<Question> kept;
    std::string dripping;
    bool silent = false;  // for ever

private:
    void write(std::string_view bytes)
    {
        error_code ignored;
        if (!bytes.empty()) asio::write(socket_, asio::buffer(bytes), ignored);
    }

    FaultyPeer& peer_;
    Tcp::socket socket_;
    const std::unique_ptr<Dialect> dialect_;
    const std::unique_ptr<Cloak> cloak_;
    std::array<char, 8192> bytes_;
};

FaultyPeer::FaultyPeer(Speak speak, Wrap wrap)
    : speak_(std::move(speak)), wrap_(std::move(wrap)), acceptor_(io_)
{
    listen();
}

FaultyPeer::~FaultyPeer()
{
    end_connections();
    acceptor_.close();
    io_.poll();
}

std::string FaultyPeer::value_of(std::string_view key)
{
    return "value of " + std::string(key) + ": " + std::string(200, 'v');
}

void FaultyPeer::listen()
{
    const Tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port_);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(Tcp::acceptor::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen(1024);
    port_ = acceptor_.local_endpoint().port();
    accept();
}

void FaultyPeer::accept()
{
    acceptor_.async_accept([this](error_code error, Tcp::socket socket) {
        if (error) return;
        socket.set_option(Tcp::no_delay(true));
        const auto connection = std::make_shared<Connection>(*this, std::move(socket));
        connections_.insert(connection);
        connection->listen();
        accept();
    });
}

std::size_t FaultyPeer::poll()
{
    if (io_.stopped()) io_.restart();
    return io_.poll();
}

void FaultyPeer::heard(const ConnectionPtr& connection, std::string_view bytes)
{
    if (fault_ == Fault::half_open) return;
    if (fault_ == Fault::tls_failure) return connection->fail_tls();
    std::string reply;
    const std::vector<Question> questions =
        connection->dialect().hear(connection->uncover(bytes), reply);
    if (fault_ != Fault::hang_before_header) connection->say(reply);
    if (holding_) {
        connection->kept.insert(connection->kept.end(), questions.begin(), questions.end());
    } else if (fault_) {
        befall(connection, questions);
    } else {
        for (const Question& question : questions) answer(connection, question);
    }
}

void FaultyPeer::answer(const ConnectionPtr& connection, const Question& question)
{
    const Dialect& dialect = connection->dialect();
    connection->say(question.verb == Verb::peek ? dialect.nothing(question)
                                                : dialect.value(question, value_of(question.key)));
}

void FaultyPeer::befall(const ConnectionPtr& connection, const std::vector<Question>& questions)
{
    for (const Question& question : questions) befall(connection, question);
    if (fault_ == Fault::close_while_idle && !questions.empty()) connection->close();
}

void FaultyPeer::befall(const ConnectionPtr& connection, const Question& question)
{
    const Dialect& dialect = connection->dialect();
    const std::string value = dialect.value(question, value_of(question.key));
    const std::string whole = question.verb == Verb::peek ? dialect.nothing(question) : value;
    switch (*fault_) {
    case Fault::refuse:
    case Fault::half_open:
    case Fault::hang_before_header: return;
    case Fault::reset: return connection->reset();
    case Fault::hang_in_body:
        connection->say(half_of(whole));
        connection->silent = true;
        return;
    case Fault::stuck:
        if (question.verb == Verb::peek) connection->say(whole);
        return;
    case Fault::cut_in_frame: return connection->say_last(half_of(whole));
    case Fault::garbage: return connection->say(nonsense);
    case Fault::tls_failure: return connection->fail_tls();
    case Fault::wrong_id: return connection->say(dialect.strange(question, value_of(question.key)));
    case Fault::duplicate_answer: return connection->say(whole + whole);
    case Fault::slow_drip: connection->dripping += whole; return;
    case Fault::close_while_idle: return connection->say(whole);
    }
}

void FaultyPeer::strike(Fault fault)
{
    fault_ = fault;
    holding_ = false;
    if (fault == Fault::refuse) {
        acceptor_.close();
        return end_connections();
    }
    if (fault == Fault::half_open) return stop_taking();
    for (const ConnectionPtr& connection : connections_)
        befall(connection, std::exchange(connection->kept, {}));
}

void FaultyPeer::stop_taking()
{
    acceptor_.cancel();
    // A queue of no length holds one, who waits there for ever; those after it are not heard.
    queue_.push_back(Wire::to(port_));
    ::listen(acceptor_.native_handle(), 0);
}

void FaultyPeer::drip()
{
    for (const ConnectionPtr& connection : connections_) connection->drip();
}

void FaultyPeer::heal()
{
    fault_.reset();
    end_connections();
    queue_.clear();
    acceptor_.close();
    listen();
}

void FaultyPeer::end_connections()
{
    for (const ConnectionPtr& connection : std::exchange(connections_, {})) connection->close();
}

std::size_t FaultyPeer::kept() const
{
    std::size_t sum = 0;
    for (const ConnectionPtr& connection : connections_) sum += connection->kept.size();
    return sum;
}

bool FaultyPeer::delivered() const
{
    for (const ConnectionPtr& connection : connections_) {
        if (!connection->delivered()) return false;
    }
    return true;
}

}  // namespace galaxy::test

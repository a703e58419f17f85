// SPDX-License-Identifier: BSL-1.0
#include "siege/crowd.hpp"

#include "http/stream/frame.hpp"
#include "integration/websocket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace galaxy::siege {
namespace {

/// What is kept of what nobody looks at.
constexpr std::size_t most_heard = std::size_t{2} << 20;

sockaddr_in address(std::uint32_t host, std::uint16_t port)
{
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = htons(port);
    made.sin_addr.s_addr = htonl(host);
    return made;
}

/// On its way to `place`, or -1.
int dial(const Place& place, Ears ears)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    // A port is chosen by where it goes, of which there are more than by where it comes from.
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    const int little = 4096;
    if (ears != Ears::open) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    const sockaddr_in own = address(place.from, 0);
    const sockaddr_in there = address(INADDR_LOOPBACK, place.port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0
        && (::connect(fd, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0
            || errno == EINPROGRESS)) {
        return fd;
    }
    ::close(fd);
    return -1;
}

}  // namespace

Text text(std::string words)
{
    return std::make_shared<const std::string>(std::move(words));
}

Line::Line(int fd, Talk talk, Ears ears)
    : fd_(fd), talk_(talk), ears_(ears), agreed_(talk == Talk::http)
{
    if (talk == Talk::stream) out_.push_back(text(test::upgrade_request()));
}

Line::~Line()
{
    ::close(fd_);
}

void Line::reset()
{
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    gone_ = true;
}

short Line::wishes() const
{
    const bool reads = !agreed_ || ears_ == Ears::open;
    return static_cast<short>((reads ? POLLIN : POLLRDHUP) | (out_.empty() ? 0 : POLLOUT));
}

void Line::serve(short ready)
{
    if ((ready & POLLOUT) != 0) send();
    if ((ready & (POLLIN | POLLHUP)) != 0 || (agreed_ && ears_ == Ears::trickling)) receive();
    if ((ready & (POLLERR | POLLRDHUP)) != 0) gone_ = true;
}

void Line::send()
{
    while (!out_.empty()) {
        const std::string_view left = std::string_view(*out_.front()).substr(sent_);
        const ssize_t size = ::send(fd_, left.data(), left.size(), MSG_NOSIGNAL);
        if (size < 0) {
            gone_ = gone_ || (errno != EAGAIN && errno != EINTR);
            return;
        }
        sent_ += static_cast<std::size_t>(size);
        if (sent_ < out_.front()->size()) return;
        out_.pop_front();
        sent_ = 0;
    }
}

void Line::receive()
{
    char bytes[65536];
    const std::size_t most = ears_ == Ears::open ? sizeof bytes : ears_ == Ears::closed ? 1024 : 16;
    const ssize_t size = ::recv(fd_, bytes, most, 0);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) gone_ = true;
    if (size <= 0) return;
    heard_.append(bytes, static_cast<std::size_t>(size));
    hear();
}

void Line::hear()
{
    if (!agreed_) {
        const std::size_t end = heard_.find("\r\n\r\n");
        if (end == heard_.npos) return;
        if (!heard_.starts_with("HTTP/1.1 101")) gone_ = true;
        heard_.erase(0, end + 4);
        agreed_ = true;
        std::move(later_.begin(), later_.end(), std::back_inserter(out_));
        later_.clear();
    }
    if (ears_ == Ears::open && talk_ == Talk::stream) return hear_stream();
    ++answers_;
    heard_.clear();
}

void Line::hear_stream()
{
    while (const std::optional<test::Message> message = test::take_message(heard_)) {
        if (message->opcode == test::Opcode::ping)
            say(message_of(test::Opcode::pong, message->payload, test::Mask::present));
        if (message->opcode != test::Opcode::binary) continue;
        std::string_view rest = message->payload;
        while (const auto frame = http::stream::take_frame(rest))
            if (frame->kind == http::stream::Kind::answer) ++answers_;
    }
    if (heard_.size() > most_heard) gone_ = true;
}

Line* Crowd::open()
{
    const int fd = dial(place_, ears_);
    return fd < 0 ? nullptr : &lines_.emplace_back(fd, talk_, ears_);
}

void Crowd::step(std::chrono::milliseconds time)
{
    std::vector<pollfd> polled;
    polled.reserve(lines_.size());
    for (const Line& line : lines_) polled.push_back({line.fd_, line.wishes(), 0});
    if (polled.empty()) return std::this_thread::sleep_for(time);
    ::poll(polled.data(), polled.size(), static_cast<int>(time.count()));
    auto one = polled.begin();
    for (Line& line : lines_) line.serve((one++)->revents);
    lines_.remove_if([](const Line& line) { return line.gone(); });
}

}  // namespace galaxy::siege

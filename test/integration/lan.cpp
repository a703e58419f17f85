// SPDX-License-Identifier: BSL-1.0
#include "integration/lan.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

// The kernel's own netem would do for loss and delay, but not every kernel has it, and a cut
// between two of three hosts would take a firewall besides. A tun device in each namespace and a
// thread between them need neither, nor any program.

namespace galaxy::test {
namespace {

constexpr std::size_t most_on_the_way = 20'000;

int checked(int result, const char* what)
{
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

/// Runs `f` on a thread in a network namespace of its own, which ends with the thread unless
/// something holds it.
template <class F>
void in_new_network(F f)
{
    std::exception_ptr failure;
    std::thread([&] {
        try {
            checked(::unshare(CLONE_NEWNET), "unshare the network");
            f();
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure) std::rethrow_exception(failure);
}

int open_tun()
{
    const int tun =
        checked(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "/dev/net/tun");
    ifreq request{};
    std::strcpy(request.ifr_name, "tun0");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (::ioctl(tun, TUNSETIFF, &request) < 0) {
        const int error = errno;
        ::close(tun);
        throw std::system_error(error, std::generic_category(), "make a tun device");
    }
    return tun;
}

sockaddr ipv4(std::uint32_t address)
{
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(address);
    sockaddr any;
    std::memcpy(&any, &v4, sizeof any);
    return any;
}

/// Brings a device up; with an address, unless that is zero.
void bring_up(const char* device, std::uint32_t address)
{
    const int socket = checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    ifreq request{};
    std::strcpy(request.ifr_name, device);
    int result = 0;
    if (address != 0) {
        request.ifr_addr = ipv4(address);
        result = ::ioctl(socket, SIOCSIFADDR, &request);
        request.ifr_netmask = ipv4(0xffffff00);
        if (result == 0) result = ::ioctl(socket, SIOCSIFNETMASK, &request);
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (result == 0) result = ::ioctl(socket, SIOCSIFFLAGS, &request);
    const int error = errno;
    ::close(socket);
    if (result != 0) throw std::system_error(error, std::generic_category(), device);
}

std::pair<std::size_t, std::size_t> pair_of(std::size_t one, std::size_t other)
{
    return std::minmax({one, other});
}

}  // namespace

std::string why_no_lan()
{
    try {
        in_new_network([] { ::close(open_tun()); });
        return {};
    } catch (const std::system_error& error) {
        return error.what();
    }
}

Lan::Lan(std::size_t hosts)
{
    for (std::size_t i = 0; i < hosts; ++i) hosts_.push_back(make_host(i));
    wake_ = checked(::eventfd(0, EFD_CLOEXEC), "eventfd");
    carrier_ = std::thread([this] { carry(); });
}

Lan::~Lan()
{
    ::eventfd_write(wake_, 1);
    carrier_.join();
    ::close(wake_);
    for (const Host& host : hosts_) {
        ::close(host.tun);
        ::close(host.network);
    }
}

Lan::Host Lan::make_host(std::size_t number)
{
    Host host;
    in_new_network([&] {
        bring_up("lo", 0);
        host.tun = open_tun();
        bring_up("tun0", 0x0a4d0001 + static_cast<std::uint32_t>(number));
        host.network = checked(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "ns/net");
    });
    return host;
}

void Lan::set_delay(std::chrono::milliseconds delay)
{
    const std::lock_guard lock(mutex_);
    delay_ = delay;
}

void Lan::set_loss(double share)
{
    const std::lock_guard lock(mutex_);
    loss_ = share;
}

void Lan::cut(std::size_t one, std::size_t other)
{
    const std::lock_guard lock(mutex_);
    cuts_.insert(pair_of(one, other));
}

void Lan::mend()
{
    const std::lock_guard lock(mutex_);
    cuts_.clear();
}

std::size_t Lan::carried() const
{
    const std::lock_guard lock(mutex_);
    return carried_;
}

std::size_t Lan::lost() const
{
    const std::lock_guard lock(mutex_);
    return lost_;
}

void Lan::carry()
{
    std::vector<pollfd> all{{wake_, POLLIN, 0}};
    for (const Host& host : hosts_) all.push_back({host.tun, POLLIN, 0});
    while (all[0].revents == 0) {
        ::poll(all.data(), all.size(), patience());
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < hosts_.size(); ++i) {
            if (all[i + 1].revents != 0) take(i);
        }
        deliver_due();
    }
}

/// Milliseconds until something is due; -1 where nothing is on its way.
int Lan::patience() const
{
    const std::lock_guard lock(mutex_);
    if (on_the_way_.empty()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(on_the_way_.begin()->first - Clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

void Lan::take(std::size_t from)
{
    char bytes[2048];
    for (ssize_t size; (size = ::read(hosts_[from].tun, bytes, sizeof bytes)) > 0;) {
        const bool v4 = size >= 20 && (bytes[0] >> 4) == 4;
        const std::size_t to = v4 ? static_cast<unsigned char>(bytes[19]) - std::size_t{1} : 0;
        if (!v4 || to >= hosts_.size()) continue;  // the kernel looks for routers and the like
        const bool unlucky = std::bernoulli_distribution(loss_)(random_);
        if (unlucky || cuts_.contains(pair_of(from, to)) || on_the_way_.size() >= most_on_the_way) {
            ++lost_;
            continue;
        }
        on_the_way_.emplace(Clock::now() + delay_,
                            std::pair(to, std::string(bytes, static_cast<std::size_t>(size))));
    }
}

void Lan::deliver_due()
{
    const Clock::time_point now = Clock::now();
    while (!on_the_way_.empty() && on_the_way_.begin()->first <= now) {
        const auto& [to, packet] = on_the_way_.begin()->second;
        [[maybe_unused]] const ssize_t n = ::write(hosts_[to].tun, packet.data(), packet.size());
        on_the_way_.erase(on_the_way_.begin());
        ++carried_;
    }
}

Lan::Visit::Visit(const Lan& lan, std::size_t host)
    : home_(checked(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "ns/net"))
{
    checked(::setns(lan.hosts_[host].network, CLONE_NEWNET), "enter a network");
}

Lan::Visit::~Visit()
{
    ::setns(home_, CLONE_NEWNET);
    ::close(home_);
}

}  // namespace galaxy::test

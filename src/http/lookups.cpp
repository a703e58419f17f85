// SPDX-License-Identifier: BSL-1.0
#include "http/lookups.hpp"

#include "http/sockets.hpp"
#include "runtime/serial.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// More than this hang only where no DNS server answers at all.
constexpr std::size_t most_threads_of_process = 8;
/// Names whose last good addresses are kept.
constexpr std::size_t most_names = 4096;

error_code error_of(int outcome) noexcept
{
    switch (outcome) {
    case EAI_AGAIN: return asio::error::host_not_found_try_again;
    case EAI_FAIL: return asio::error::no_recovery;
    case EAI_MEMORY: return asio::error::no_memory;
    case EAI_SYSTEM: return {errno, boost::system::system_category()};
    default: return asio::error::host_not_found;
    }
}

/// Without a descriptor the system finds neither its files nor a server, and says whatever it
/// likes.
error_code shortage() noexcept
{
    error_code error;
    const Descriptor one = make_socket(asio::ip::tcp::v4(), error);
    return is_shortage(error) ? error : error_code();
}

}  // namespace

Found resolve_by_system(const std::string& name)
{
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* first = nullptr;
    Found found;
    found.error = [&] {
        const int outcome = ::getaddrinfo(name.c_str(), nullptr, &wanted, &first);
        return outcome == 0 ? error_code() : error_of(outcome);
    }();
    if (found.error) {
        if (const error_code ours = shortage()) found.error = ours;
        return found;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(first, &::freeaddrinfo);
    for (const addrinfo* one = first; one; one = one->ai_next) {
        asio::ip::tcp::endpoint endpoint;
        if (one->ai_addrlen > endpoint.capacity()) continue;
        std::memcpy(endpoint.data(), one->ai_addr, one->ai_addrlen);
        found.addresses.push_back(endpoint.address());
    }
    return found;
}

// Inquiry

Inquiry::Inquiry(const asio::any_io_executor& executor, Done done)
    : Enrolment(executor), executor_(executor), done_(std::move(done))
{
}

Inquiry::~Inquiry()
{
    leave([this] { executor_ = {}; });
}

void Inquiry::withdraw()
{
    Done unwanted;
    const std::lock_guard lock(mutex_);
    unwanted.swap(done_);
}

void Inquiry::join(std::shared_ptr<const Turn> turn)
{
    const std::lock_guard lock(mutex_);
    turn_ = std::move(turn);
}

std::optional<Inquiry::TimePoint> Inquiry::begun() const
{
    const std::lock_guard lock(mutex_);
    const TimePoint since = turn_ ? turn_->load() : TimePoint::max();
    if (since == TimePoint::max()) return std::nullopt;
    return since;
}

void Inquiry::answer(const FoundPtr& found) noexcept
{
    const std::lock_guard lock(mutex_);
    if (!done_ || !executor_) return;
    try {
        post_reserving(executor_, [done = std::exchange(done_, nullptr), found] { done(found); });
    } catch (...) {  // no memory: it hears nothing, which is no fault of the name's
        turn_.reset();
    }
}

void Inquiry::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    garbage.take(std::exchange(executor_, {}));
    garbage.take(std::exchange(done_, nullptr));
}

// Lookups

namespace {

/// Never destroyed, as a lookup may end while the process does.
struct OfProcess {
    std::mutex mutex;
    std::shared_ptr<Lookups> lookups;
    ::pid_t pid = -1;

    static OfProcess& only()
    {
        static auto* const it = new OfProcess;
        return *it;
    }
};

}  // namespace

std::shared_ptr<Lookups> Lookups::of_process()
{
    OfProcess& ours = OfProcess::only();
    const ::pid_t pid = ::getpid();
    const std::lock_guard lock(ours.mutex);
    // The threads of a parent are not ours.
    if (!ours.lookups || ours.pid != pid) {
        ours.lookups = std::make_shared<Lookups>(resolve_by_system, most_threads_of_process);
        ours.pid = pid;
    }
    return ours.lookups;
}

std::shared_ptr<Lookups> Lookups::replace(std::shared_ptr<Lookups> others)
{
    OfProcess& ours = OfProcess::only();
    const std::lock_guard lock(ours.mutex);
    ours.pid = ::getpid();
    return std::exchange(ours.lookups, std::move(others));
}

Lookups::Lookups(Resolve resolve, std::size_t most_threads, Start start)
    : resolve_(std::move(resolve)),
      most_threads_(most_threads),
      start_(std::move(start)),
      unable_(std::make_shared<const Found>(Found{errc::busy, {}}))
{
}

void Lookups::ask(const std::string& name, const std::shared_ptr<Inquiry>& inquiry)
{
    {
        const std::lock_guard lock(mutex_);
        make_room();
        Name& wanted = names_[name];
        std::erase_if(wanted.waiting, [](const auto& one) { return one.expired(); });
        wanted.waiting.push_back(inquiry);
        if (wanted.state != State::idle) return inquiry->join(wanted.turn);
        wanted.turn = std::make_shared<Turn>(Clock::time_point::max());
        inquiry->join(wanted.turn);
        line_.push_back(name);
        wanted.state = State::in_line;
        if (threads_ == most_threads_) return;
        ++threads_;
    }
    try {
        start_([self = shared_from_this()] { self->work(); });
    } catch (...) {
        give_up_line();
    }
}

void Lookups::start_thread(std::function<void()> work)
{
    std::thread(std::move(work)).detach();
}

/// A thread could not be made. Who is there will come to those who wait; else nobody would.
void Lookups::give_up_line()
{
    bool first = true;
    for (Waiting left; take_from_line(left, std::exchange(first, false)); left.clear()) {
        for (const auto& one : left) {
            if (const auto inquiry = one.lock()) inquiry->answer(unable_);
        }
    }
}

/// Who waits for the name whose turn it is, which is not looked up: none where there is a thread.
/// It is called where memory is short, and takes none.
bool Lookups::take_from_line(Waiting& left, bool without_thread) noexcept
{
    const std::lock_guard lock(mutex_);
    if (without_thread) --threads_;
    if (threads_ > 0 || line_.empty()) return false;
    Name& unasked = names_.find(line_.front())->second;
    line_.pop_front();
    unasked.state = State::idle;
    left.swap(unasked.waiting);
    return true;
}

/// With the mutex held. A name that nobody has asked for lately goes, whichever.
void Lookups::make_room()
{
    if (names_.size() < most_names) return;
    const auto spare = std::ranges::find_if(
        names_, [](const auto& one) { return one.second.state == State::idle; });
    if (spare != names_.end()) names_.erase(spare);
}

void Lookups::work() noexcept
{
    while (const std::optional<std::string> name = take()) finish(*name, look_up(*name));
}

/// The next name that somebody still waits for. None: this thread is over.
std::optional<std::string> Lookups::take()
{
    const std::lock_guard lock(mutex_);
    while (!line_.empty()) {
        std::string name = std::move(line_.front());
        line_.pop_front();
        Name& wanted = names_.find(name)->second;
        std::erase_if(wanted.waiting, [](const auto& one) { return one.expired(); });
        wanted.state = wanted.waiting.empty() ? State::idle : State::begun;
        if (wanted.state == State::idle) continue;
        wanted.turn->store(Clock::now());
        return name;
    }
    --threads_;
    return std::nullopt;
}

FoundPtr Lookups::look_up(const std::string& name) const noexcept
{
    try {
        return std::make_shared<const Found>(resolve_(name));
    } catch (...) {
        return unable_;
    }
}

void Lookups::finish(const std::string& name, const FoundPtr& found)
{
    Waiting waiting;
    {
        const std::lock_guard lock(mutex_);
        Name& known = names_.find(name)->second;
        known.state = State::idle;
        waiting.swap(known.waiting);
        if (!found->error && !found->addresses.empty()) known.good = found;
        if (!known.good) names_.erase(name);
    }
    for (const auto& one : waiting) {
        if (const auto inquiry = one.lock()) inquiry->answer(found);
    }
}

std::vector<asio::ip::address> Lookups::last_good(const std::string& name) const
{
    const std::lock_guard lock(mutex_);
    const auto known = names_.find(name);
    if (known == names_.end() || !known->second.good) return {};
    return known->second.good->addresses;
}

std::size_t Lookups::threads() const
{
    const std::lock_guard lock(mutex_);
    return threads_;
}

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#include "support/process.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds(2);

int memory_file(const char* name)
{
    const int fd = ::memfd_create(name, MFD_CLOEXEC);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
    return fd;
}

std::string contents(int fd)
{
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t n = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()));
        if (n <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(n));
    }
}

// Asio's sockets are inherited unless closed here: a child that holds its parent's listening socket
// would keep the port busy after the parent has closed it.
void close_inherited()
{
    if (::close_range(3, ~0U, 0) == 0) return;
    for (int fd = 3; fd < 65'536; ++fd) ::close(fd);
}

// Runs between fork and exec: only what is safe in a signal handler.
[[noreturn]] void become(char* const* arguments, int out, int err, const ProcessOptions& options)
{
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    close_inherited();
    if (options.max_descriptors != 0) {
        const rlimit limit{options.max_descriptors, options.max_descriptors};
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(arguments[0], arguments);
    constexpr std::string_view failure = "cannot execute the program\n";
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, failure.data(), failure.size());
    ::_exit(127);
}

}  // namespace

Process::Process(std::vector<std::string> command, ProcessOptions options)
    : out_(memory_file("stdout")), err_(memory_file("stderr"))
{
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);

    pid_ = ::fork();
    if (pid_ == 0) become(arguments.data(), out_, options.err < 0 ? err_ : options.err, options);
    if (pid_ < 0) {
        const int error = errno;
        ::close(out_);
        ::close(err_);
        throw std::system_error(error, std::generic_category(), "fork");
    }
}

Process::~Process()
{
    if (!exit_code()) {
        ::kill(pid_, SIGKILL);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
    }
    ::close(out_);
    ::close(err_);
}

bool Process::signal(int number)
{
    return !exit_code() && ::kill(pid_, number) == 0;
}

std::optional<int> Process::exit_code()
{
    if (exit_code_) return exit_code_;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return exit_code_;
}

std::optional<int> Process::wait_for(std::chrono::milliseconds limit)
{
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!exit_code() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(poll_interval);
    return exit_code();
}

std::string Process::out() const
{
    return contents(out_);
}

std::string Process::err() const
{
    return contents(err_);
}

std::string Process::await_line(std::string_view prefix, std::chrono::milliseconds limit)
{
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const bool ended = exit_code().has_value();
        const std::string text = out();
        for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != text.npos;
             begin = end + 1) {
            const std::string_view line = std::string_view(text).substr(begin, end - begin);
            if (line.starts_with(prefix)) return std::string(line.substr(prefix.size()));
        }
        if (ended || std::chrono::steady_clock::now() >= deadline) break;
        std::this_thread::sleep_for(poll_interval);
    }
    throw std::runtime_error("no line \"" + std::string(prefix) + "\" from process "
                             + std::to_string(pid_) + "; it says: " + err());
}

std::size_t resident_bytes(pid_t pid)
{
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t Process::open_descriptors() const
{
    const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid_) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

}  // namespace support

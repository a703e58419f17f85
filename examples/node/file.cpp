// SPDX-License-Identifier: BSL-1.0
#include "node/file.hpp"

#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace node {
namespace {

constexpr std::size_t most_bytes = 64 << 20;

[[noreturn]] void fail()
{
    throw std::runtime_error("it cannot be read: " + std::generic_category().message(errno));
}

/// A regular file, open. To open anything else non-blocking does not wait either.
class File {
public:
    explicit File(const std::string& name)
        : descriptor_(::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC))
    {
        if (descriptor_ < 0) fail();
        struct stat status{};
        const bool known = ::fstat(descriptor_, &status) == 0;
        if (known && S_ISREG(status.st_mode)) return;
        ::close(descriptor_);
        throw std::runtime_error("it is not a regular file");
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { ::close(descriptor_); }

    std::string read() const
    {
        std::string text;
        char buffer[65'536];
        for (;;) {
            const ssize_t n = ::read(descriptor_, buffer, sizeof buffer);
            if (n == 0) return text;
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail();
            text.append(buffer, static_cast<std::size_t>(n));
            if (text.size() > most_bytes) throw std::runtime_error("it is larger than 64 MB");
        }
    }

private:
    int descriptor_;
};

}  // namespace

void require_file(const std::string& name)
{
    const File opened(name);
}

std::string read_file(const std::string& name)
{
    return File(name).read();
}

}  // namespace node

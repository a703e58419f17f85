// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fuzz/target.hpp"
#include "http/inlet.hpp"
#include "http/transport.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace galaxy::fuzz {

/// How bytes are cut on their way: every size is a piece's, again and again; zero is all the rest.
struct Cuts {
    std::array<std::size_t, 3> sizes;

    /// Cuts that differ as `seed` does.
    static Cuts of(unsigned char seed)
    {
        return {{std::size_t{1} + seed % 4, std::size_t{1} + seed / 4 % 8,
                 std::size_t{1} + seed / 32 * 13u}};
    }
    static Cuts none() { return {}; }

    std::size_t size(std::size_t number) const { return sizes[number % sizes.size()]; }
};

/// A connection's receiving end: what is sent arrives in pieces, each read by an `Inlet` as a
/// session or a connection would.
class Pieces {
public:
    Pieces(std::string_view bytes, Cuts cuts) : bytes_(bytes), cuts_(cuts)
    {
        std::array<int, 2> ends;
        require(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0, "there is a socket");
        sender_ = ends[0];
        transport_.socket().assign(boost::asio::ip::tcp::v4(), ends[1]);
        transport_.socket().non_blocking(true);
    }
    Pieces(const Pieces&) = delete;
    Pieces& operator=(const Pieces&) = delete;
    ~Pieces() { ::close(sender_); }

    /// Reads the next piece; false at the end.
    bool next(http::Inlet& inlet)
    {
        if (bytes_.empty()) return false;
        const std::size_t cut = cuts_.size(number_++);
        const std::string_view piece = bytes_.substr(0, cut == 0 ? bytes_.size() : cut);
        bytes_.remove_prefix(piece.size());
        const auto sent = ::send(sender_, piece.data(), piece.size(), 0);
        require(sent == static_cast<ssize_t>(piece.size()), "a piece fits into the socket");
        const std::size_t before = inlet.pending();
        boost::system::error_code error;
        require(inlet.read(transport_, error) == piece.size() && !error, "a piece comes whole");
        require(inlet.pending() == before + piece.size(), "what is read is pending");
        return true;
    }

private:
    std::string_view bytes_;
    const Cuts cuts_;
    std::size_t number_ = 0;
    int sender_ = -1;
    boost::asio::io_context io_;
    http::Transport transport_{boost::asio::any_io_executor(io_.get_executor())};
};

}  // namespace galaxy::fuzz

// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace galaxy::test {

/// Destroys a context, a universe and a server, each behind a pointer or an optional, in one of six
/// orders, and lets the context run in between while it is there.
template <class Context, class Universe, class Server>
void drop_in_order(int order, Context& io, Universe& universe, Server& server)
{
    const auto drop = [&](int which) {
        if (which == 0) io.reset();
        if (which == 1) universe.reset();
        if (which == 2) server.reset();
    };
    const int first = order / 2;
    const int second = (first + 1 + order % 2) % 3;
    drop(first);
    if (io) io->poll();
    drop(second);
    if (io) io->poll();
    drop(3 - first - second);
}

}  // namespace galaxy::test

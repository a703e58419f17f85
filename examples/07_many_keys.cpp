// SPDX-License-Identifier: BSL-1.0

// Many keys at once: a page shows thirty users, some of them in memory, some not, one unknown. What
// is not in memory is loaded side by side, and each key has a result of its own.

#include <galaxy/galaxy.hpp>

#include <boost/asio.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

int at_once = 0;
int most_at_once = 0;

asio::awaitable<galaxy::Loaded> load_user(std::string_view id)
{
    most_at_once = std::max(most_at_once, ++at_once);
    asio::steady_timer query(co_await asio::this_coro::executor, 10ms);
    co_await query.async_wait(asio::use_awaitable);
    --at_once;
    if (id == "nobody") co_return galaxy::Loaded::not_found();
    co_return galaxy::Loaded::value("user " + std::string(id));
}

asio::awaitable<int> show_page(galaxy::Galaxy users, const std::vector<std::string>& ids)
{
    // One result a key, in the order of the keys; only cancellation would throw.
    galaxy::Galaxy::Results page = co_await users.get_many(ids, {.timeout = 2s});

    int shown = 0;
    for (std::size_t i = 0; i != ids.size(); ++i) {
        if (page[i]) {
            ++shown;
        } else {
            std::cout << ids[i] << ": " << page[i].error().message() << '\n';
        }
    }
    std::cout << shown << " of " << ids.size() << " users, " << page[0]->view() << " first, from "
              << to_string(page[0]->from()) << '\n';
    co_return shown;
}

asio::awaitable<void> browse(galaxy::Galaxy users, bool& good)
{
    std::vector<std::string> ids;
    for (int id = 1; id != 30; ++id) ids.push_back(std::to_string(id));
    ids.emplace_back("nobody");
    int first = co_await show_page(users, ids);  // from the backend, side by side
    int again = co_await show_page(users, ids);  // from memory

    // Keys that are few or borrowed: an array of views will do.
    std::array<std::string_view, 2> pair = {"1", "2"};
    galaxy::Galaxy::Results both = co_await users.get_many(pair);
    good = first == 29 && again == 29 && both[0] && both[1];
}

int main()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy users = universe.create("users", load_user);

    bool good = false;
    asio::co_spawn(io, browse(users, good), asio::detached);
    io.run();

    // By completion token, for whoever is no coroutine.
    users.async_get_many(std::vector{"1", "nobody"}, [&](auto error, galaxy::Galaxy::Results two) {
        good = good && !error && two[0] && two[1].error() == galaxy::errc::not_found;
    });
    io.restart();
    io.run();

    std::cout << "at most " << most_at_once << " queries at once\n";
    return good && most_at_once > 1 ? 0 : 1;
}

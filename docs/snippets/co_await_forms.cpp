// SPDX-License-Identifier: BSL-1.0

// The forms of `co_await` that docs/concurrency.md calls safe on g++ 12, which destroys some
// temporaries of a `co_await` expression twice. Each runs here five ways: on a hit, on a miss, with
// a backend that fails, with a galaxy that is closed while it waits, and with an io_context that is
// destroyed while it waits. Address and leak sanitizers see what a form does to its temporaries.

#include "check.hpp"

#include <galaxy/galaxy.hpp>

#include <boost/asio.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/redirect_error.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// Longer than what std::string keeps within itself, so that a second destruction is noticed.
const std::string expected = "a value that is too long for the small string optimisation";

const std::thread::id main_thread = std::this_thread::get_id();
int completed = 0;
int failed = 0;

void took(const galaxy::Value& value)
{
    check(std::this_thread::get_id() == main_thread);
    check(value.view() == expected);
    ++completed;
}

void took(const galaxy::Galaxy::Results& results)
{
    for (const galaxy::Result<galaxy::Value>& result : results) {
        if (result) {
            took(*result);
        } else {
            ++failed;
        }
    }
}

std::string key_of(int id)
{
    return "a key that is too long for the small string optimisation " + std::to_string(id);
}

asio::awaitable<void> plain(galaxy::Galaxy users)
{
    // [plain]
    galaxy::Value user = co_await users.get("42");
    // [plain]
    took(user);
}

asio::awaitable<void> with_options(galaxy::Galaxy users)
{
    // [options]
    galaxy::Value user = co_await users.get("42", {.timeout = 1s});
    // [options]
    took(user);
}

asio::awaitable<void> with_all_options(galaxy::Galaxy users)
{
    galaxy::TraceContext trace;
    trace.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    // [all-options]
    galaxy::Value user =
        co_await users.get("42", {.mode = galaxy::Mode::no_peer, .timeout = 1s, .trace = trace});
    // [all-options]
    took(user);
}

asio::awaitable<void> with_temporary_key(galaxy::Galaxy users)
{
    // [temporary-key]
    galaxy::Value user = co_await users.get(key_of(42));
    // [temporary-key]
    took(user);
}

asio::awaitable<void> with_concatenated_key(galaxy::Galaxy users)
{
    const std::string id = "42, which makes for a key beyond the small string optimisation";
    // [concatenated-key]
    galaxy::Value user = co_await users.get("user:" + id, {.timeout = 1s});
    // [concatenated-key]
    took(user);
}

asio::awaitable<void> tried(galaxy::Galaxy users)
{
    // [try]
    galaxy::Result<galaxy::Value> user = co_await users.try_get(std::string("42"));
    if (user.has_value()) {
        took(*user);
    } else {
        ++failed;  // user.error() says why
    }
    // [try]
}

asio::awaitable<void> stored_first(galaxy::Galaxy users)
{
    // [stored]
    asio::awaitable<galaxy::Value> pending = users.get(key_of(42));
    galaxy::Value user = co_await std::move(pending);
    // [stored]
    took(user);
}

asio::awaitable<void> as_an_argument(galaxy::Galaxy users)
{
    // [argument]
    took(co_await users.get("42"));
    // [argument]
}

asio::awaitable<galaxy::Value> handed_on(galaxy::Galaxy users)
{
    // [handed-on]
    co_return co_await users.get("42");
    // [handed-on]
}

asio::awaitable<void> through_another(galaxy::Galaxy users)
{
    galaxy::Value user = co_await handed_on(users);
    took(user);
}

asio::awaitable<void> by_token(galaxy::Galaxy users)
{
    // [token]
    galaxy::Value user = co_await users.async_get("42", asio::use_awaitable);
    // [token]
    took(user);
}

asio::awaitable<void> by_token_with_options(galaxy::Galaxy users)
{
    // [token-options]
    galaxy::Value user = co_await users.async_get(key_of(42), {.timeout = 1s}, asio::use_awaitable);
    // [token-options]
    took(user);
}

asio::awaitable<void> as_a_tuple(galaxy::Galaxy users)
{
    // [tuple]
    std::tuple<boost::system::error_code, galaxy::Value> outcome =
        co_await users.async_get("42", asio::as_tuple(asio::use_awaitable));
    auto& [error, user] = outcome;  // a name first, then the binding
    // [tuple]
    if (error) {
        ++failed;
    } else {
        took(user);
    }
}

asio::awaitable<void> redirected(galaxy::Galaxy users)
{
    // [redirected]
    boost::system::error_code error;
    galaxy::Value user =
        co_await users.async_get("42", asio::redirect_error(asio::use_awaitable, error));
    // [redirected]
    if (error) {
        ++failed;
    } else {
        took(user);
    }
}

asio::awaitable<void> deferred(galaxy::Galaxy users)
{
    // [deferred]
    auto operation = users.async_get(key_of(42), asio::deferred);  // the key is copied here
    galaxy::Value user = co_await std::move(operation)(asio::use_awaitable);
    // [deferred]
    took(user);
}

asio::awaitable<void> chosen(galaxy::Galaxy users)
{
    const bool fresh = users.find("42") == std::nullopt;
    // [chosen]
    galaxy::GetOptions options;
    if (fresh) options.timeout = 5s;
    galaxy::Value user = co_await users.get("42", options);
    // [chosen]
    took(user);
}

asio::awaitable<void> one_after_another(galaxy::Galaxy users)
{
    // [loop]
    const std::array<std::string_view, 3> ids = {"42", "43", "42"};
    for (const std::string_view id : ids) {
        galaxy::Value user = co_await users.get(id);
        took(user);
    }
    // [loop]
}

asio::awaitable<void> side_by_side(galaxy::Galaxy users)
{
    // [both]
    using asio::experimental::awaitable_operators::operator&&;
    std::tuple<galaxy::Value, galaxy::Value> both =
        co_await (users.get(key_of(42)) && users.get(key_of(43)));
    auto& [first, second] = both;
    // [both]
    took(first);
    took(second);
}

asio::awaitable<void> many(galaxy::Galaxy users)
{
    // [many]
    std::vector<std::string> ids = {key_of(42), key_of(43), key_of(42)};
    galaxy::Galaxy::Results found = co_await users.get_many(ids, {.timeout = 1s});
    // [many]
    took(found);
}

asio::awaitable<void> many_views(galaxy::Galaxy users)
{
    // [many-views]
    std::array<std::string_view, 2> ids = {"42", "43"};
    galaxy::Galaxy::Results found = co_await users.get_many(ids);
    // [many-views]
    took(found);
}

std::vector<std::string> keys_of_a_page()
{
    return {key_of(42), key_of(43)};
}

asio::awaitable<void> many_temporaries(galaxy::Galaxy users)
{
    // [many-temporaries]
    galaxy::Galaxy::Results found = co_await users.get_many(keys_of_a_page());
    // [many-temporaries]
    took(found);
}

asio::awaitable<void> many_by_token(galaxy::Galaxy users)
{
    // [many-token]
    galaxy::Galaxy::Results found =
        co_await users.async_get_many(keys_of_a_page(), {.timeout = 1s}, asio::use_awaitable);
    // [many-token]
    took(found);
}

// What runs them.

using Form = asio::awaitable<void> (*)(galaxy::Galaxy);

constexpr std::array<Form, 21> forms = {plain,
                                        with_options,
                                        with_all_options,
                                        with_temporary_key,
                                        with_concatenated_key,
                                        tried,
                                        stored_first,
                                        as_an_argument,
                                        through_another,
                                        by_token,
                                        redirected,
                                        as_a_tuple,
                                        deferred,
                                        chosen,
                                        by_token_with_options,
                                        side_by_side,
                                        one_after_another,
                                        many,
                                        many_views,
                                        many_temporaries,
                                        many_by_token};

enum class Ends { hit, miss, failure, closed, destroyed };

/// Suspends once, so that a miss is one, and then does what the case wants.
asio::awaitable<galaxy::Loaded> load(Ends ends)
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    if (ends == Ends::closed || ends == Ends::destroyed) {
        timer.expires_at(asio::steady_timer::time_point::max());
    } else {
        timer.expires_after(0s);
    }
    co_await timer.async_wait(asio::use_awaitable);
    if (ends == Ends::failure) throw std::runtime_error("the database is gone");
    co_return galaxy::Loaded::value(expected);
}

/// A form as a caller sees it: what it throws is a failure of the get, and nothing else.
asio::awaitable<void> guarded(Form form, galaxy::Galaxy users)
{
    try {
        co_await form(users);
    } catch (const boost::system::system_error&) {
        ++failed;
    } catch (const asio::multiple_exceptions&) {  // of `&&`, where both fail
        ++failed;
    }
}

void run(Form form, Ends ends)
{
    completed = failed = 0;
    std::optional<asio::io_context> io(std::in_place);
    galaxy::Universe universe(io->get_executor());
    galaxy::Galaxy users =
        universe.create("users", [ends](std::string_view) { return load(ends); });

    asio::co_spawn(*io, guarded(form, users), asio::detached);
    switch (ends) {
    case Ends::miss:
    case Ends::failure: io->run(); break;
    case Ends::hit:
        io->run();
        check(completed > 0 && failed == 0);
        io->restart();
        asio::co_spawn(*io, guarded(form, users), asio::detached);
        io->run();
        break;
    case Ends::closed:
        io->poll();
        check(completed == 0 && failed == 0);
        universe.close();
        io->poll();
        break;
    case Ends::destroyed:
        io->poll();
        io.reset();
        check(completed == 0 && failed == 0);
        return;
    }
    const bool good = ends == Ends::hit || ends == Ends::miss;
    check((completed > 0) == good && (failed > 0) == !good);
}

}  // namespace

int main()
{
    for (const Form form : forms)
        for (const Ends ends :
             {Ends::hit, Ends::miss, Ends::failure, Ends::closed, Ends::destroyed})
            run(form, ends);
    std::puts("every form is safe");
}

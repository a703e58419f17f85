// SPDX-License-Identifier: BSL-1.0
#include <galaxy/error.hpp>

#include <boost/system/errc.hpp>

#include <string>

namespace galaxy {
namespace {

const char* text(errc code) noexcept
{
    switch (code) {
    case errc::not_found:
        return "the backend has no such key; take that for the answer, or add the key there";
    case errc::backend_failed:
        return "the backend failed to load the key; see the log for its reason, the next get "
               "asks it again";
    case errc::timed_out:
        return "the get or the load took longer than its timeout; raise the timeout or speed "
               "up the backend";
    case errc::refused:
        return "too many flights at once, or no memory; shed load, or raise max_flights";
    case errc::closed:
        return "the galaxy, its universe or its execution context is closed; keep them until "
               "the last get has ended";
    case errc::key_too_long:
        return "the key is longer than max_key; hash it, or raise the limit at every node";
    case errc::value_too_large:
        return "the value is larger than max_value; split it, or raise the limit at every node";
    case errc::no_such_galaxy:
        return "no galaxy has this name; create it at every node of the universe before "
               "asking for it";
    case errc::unsupported:
        return "the peer does not know this request; bring it to the version of this node";
    case errc::reentrant_get:
        return "the backend asked for the very key that it is loading, which could never end; "
               "have it load the key from its source";
    case errc::peer_unreachable:
        return "no connection to the peer came about; check that it runs, its uri, and the "
               "network between";
    case errc::peer_silent:
        return "the peer said nothing for as long as silence allows; check that it is not "
               "stopped, or raise silence";
    case errc::peer_reset:
        return "the connection to the peer broke in the middle of an answer; check whether "
               "the peer crashed or restarted";
    case errc::protocol_error:
        return "the peer's answer breaks the protocol; check that its uri leads to a galaxy node";
    case errc::unauthorized:
        return "the peer refused our credentials; give every node the same ones";
    case errc::wrong_peer:
        return "another peer or another universe answered; correct the ids and uris of the "
               "membership";
    case errc::busy:
        return "the peer is overloaded or closing; add nodes or shed load, it is asked again "
               "by itself";
    }
    return "this code is unknown to this version of galaxy; build all parts against one version";
}

// Boost's base has a protected destructor and no virtual one, so that categories outlive
// everything; g++ warns of it all the same.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
public:
    constexpr Category() noexcept : error_category(0x7b1f0c5d9e62a843) {}

    const char* name() const noexcept override { return "galaxy"; }

    std::string message(int code) const override { return text(static_cast<errc>(code)); }

    const char* message(int code, char*, std::size_t) const noexcept override
    {
        return text(static_cast<errc>(code));
    }

    // So that code that knows nothing of galaxy can ask for the portable meaning.
    boost::system::error_condition default_error_condition(int code) const noexcept override
    {
        namespace portable = boost::system::errc;
        const auto condition = [](portable::errc_t meaning) {
            return portable::make_error_condition(meaning);
        };
        switch (static_cast<errc>(code)) {
        case errc::timed_out: return condition(portable::timed_out);
        case errc::refused:
        case errc::busy: return condition(portable::resource_unavailable_try_again);
        case errc::value_too_large: return condition(portable::message_size);
        case errc::unsupported: return condition(portable::operation_not_supported);
        case errc::reentrant_get: return condition(portable::resource_deadlock_would_occur);
        case errc::peer_unreachable: return condition(portable::host_unreachable);
        case errc::peer_reset: return condition(portable::connection_reset);
        case errc::protocol_error: return condition(portable::protocol_error);
        case errc::unauthorized: return condition(portable::permission_denied);
        default: return {code, *this};
        }
    }
};
#pragma GCC diagnostic pop

}  // namespace

const boost::system::error_category& error_category() noexcept
{
    static const Category category;
    return category;
}

boost::system::error_code make_error_code(errc code) noexcept
{
    return {static_cast<int>(code), error_category()};
}

}  // namespace galaxy

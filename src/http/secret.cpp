// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/secret.hpp>

#include "http/grammar.hpp"
#include "http/options.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <mutex>

namespace galaxy::http {

namespace {

constexpr std::string_view scheme = "Bearer ";

void check(const std::vector<std::string>& accepted)
{
    constexpr std::size_t longest = 512;
    const auto is_visible = [](char c) { return c > ' ' && c <= '~'; };
    require(!accepted.empty(), "a list of secrets must not be empty");
    for (const std::string& secret : accepted) {
        require(!secret.empty() && secret.size() <= longest
                    && std::all_of(secret.begin(), secret.end(), is_visible),
                "a secret must be 1 to 512 printable ASCII characters without spaces");
    }
}

/// How long it takes depends on the guess alone.
bool equal(std::string_view guess, std::string_view secret)
{
    volatile unsigned different = guess.size() == secret.size() ? 0 : 1;
    for (std::size_t i = 0; i < guess.size(); ++i) {
        const auto a = static_cast<unsigned char>(guess[i]);
        const auto b = static_cast<unsigned char>(secret[i % secret.size()]);
        different = different | static_cast<unsigned>(a ^ b);
    }
    return different == 0;
}

/// What follows the scheme; empty where it is another one.
std::string_view guess_in(std::string_view authorization)
{
    if (!grammar::is_same(authorization.substr(0, scheme.size()), scheme)) return {};
    authorization.remove_prefix(scheme.size());
    while (authorization.starts_with(' ')) authorization.remove_prefix(1);
    return authorization;
}

}  // namespace

struct Secret::State {
    mutable std::mutex mutex;
    std::vector<std::string> accepted;
};

Secret::Secret(std::vector<std::string> accepted) : state_(std::make_shared<State>())
{
    replace(std::move(accepted));
}

void Secret::replace(std::vector<std::string> accepted)
{
    assert(state_);
    check(accepted);
    const std::lock_guard lock(state_->mutex);
    state_->accepted.swap(accepted);
}

bool Secret::admits(std::string_view authorization) const
{
    if (!state_) return true;
    const std::string_view guess = guess_in(authorization);
    const std::lock_guard lock(state_->mutex);
    bool found = false;
    for (const std::string& secret : state_->accepted) found |= equal(guess, secret);
    return found;
}

std::string Secret::authorization() const
{
    if (!state_) return {};
    const std::lock_guard lock(state_->mutex);
    return std::string(scheme) + state_->accepted.front();
}

}  // namespace galaxy::http

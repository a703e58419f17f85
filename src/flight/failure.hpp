// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/error.hpp>

#include <boost/system/error_code.hpp>

namespace galaxy {

/// Why a get ends without a value.
///
/// A backend may throw any code, one of ours as well (a nested get that timed out, say), and said
/// to a peer that would mean the state of this process: the peer would ask elsewhere, or hold it
/// against our health. So the two origins are told apart where a failure is made, and each has one
/// way to make it.
class Failure {
public:
    /// There is none.
    Failure() = default;

    /// What galaxy itself has to say, or passes on of what a peer has said: the same to everybody.
    static Failure own(boost::system::error_code code) noexcept
    {
        Failure failure;
        failure.code_ = code;
        return failure;
    }
    Failure(errc code) noexcept : code_(code) {}

    /// What a backend threw, which callers in this process hear as it is. Peers hear that the
    /// backend failed, or that this process is `busy` where it has no descriptor left.
    static Failure thrown(boost::system::error_code code) noexcept;

    explicit operator bool() const noexcept { return static_cast<bool>(code_); }
    bool is_thrown() const noexcept { return is_thrown_; }

    boost::system::error_code code() const noexcept { return code_; }
    boost::system::error_code for_peers() const noexcept
    {
        return is_thrown_ ? make_error_code(for_peers_) : code_;
    }

private:
    boost::system::error_code code_;
    errc for_peers_ = errc::backend_failed;
    bool is_thrown_ = false;
};

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace galaxy::http::stream {

/// How far what a connection was given to write has come: another one whenever some of it got on.
struct Progress {
    std::uint64_t writes = 0;  ///< begun
    int untaken = 0;  ///< bytes that the other system has not taken yet, where that is known

    friend bool operator==(const Progress&, const Progress&) = default;
};

/// Whether what is written gets on, by a look now and then. Who speaks and never reads is not
/// silent; but what is kept for it is kept for nobody.
class Pace {
public:
    /// So many that find nothing moved, one after the other, make a stall.
    static constexpr unsigned looks = 2;

    /// `writing`: something is being written, or is to be at once.
    bool stalls(bool writing, const Progress& now) noexcept
    {
        const bool waits = writing || now.untaken > 0;
        still_ = waits && waited_ && now == last_ ? still_ + 1 : 0;
        waited_ = waits;
        last_ = now;
        return still_ >= looks;
    }

private:
    bool waited_ = false;
    unsigned still_ = 0;
    Progress last_;
};

}  // namespace galaxy::http::stream

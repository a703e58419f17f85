// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/wire.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace galaxy::http {

/// The fields of an answer's head that anybody here reads, by name, ignoring case. Several lines of
/// one name are one list, as RFC 9110, 5.3 has it, so that nothing depends on which is looked at:
/// what must be said once and is said twice cannot be understood.
class AnswerFields {
public:
    static constexpr std::array<std::string_view, 13> names = {
        "Content-Length",
        "Transfer-Encoding",
        "Content-Encoding",
        "Cache-Control",
        "Expires",
        "Date",
        "Age",
        "Pragma",
        "Vary",
        header::peer,
        header::draining,
        header::lifetime,
        header::galaxy_status,
    };

    /// One line; of a name that nobody reads, nothing is kept.
    void add(std::string_view name, std::string_view value);

    /// Null where there is none. `name` is one of `names`.
    const std::string* find(std::string_view name) const noexcept;

    /// The same; empty where there is none.
    std::string_view text(std::string_view name) const noexcept;

private:
    std::array<std::optional<std::string>, names.size()> values_;
};

}  // namespace galaxy::http

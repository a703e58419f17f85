// SPDX-License-Identifier: BSL-1.0
#include "http/answer_fields.hpp"

#include "http/grammar.hpp"

#include <cassert>
#include <cstddef>

namespace galaxy::http {

namespace {

std::size_t index_of(std::string_view name) noexcept
{
    std::size_t i = 0;
    while (i != AnswerFields::names.size() && !grammar::is_same(AnswerFields::names[i], name)) ++i;
    return i;
}

}  // namespace

void AnswerFields::add(std::string_view name, std::string_view value)
{
    const std::size_t i = index_of(name);
    if (i == names.size()) return;
    if (values_[i]) {
        values_[i]->append(", ").append(value);
    } else {
        values_[i].emplace(value);
    }
}

const std::string* AnswerFields::find(std::string_view name) const noexcept
{
    const std::size_t i = index_of(name);
    assert(i != names.size());
    return values_[i] ? &*values_[i] : nullptr;
}

std::string_view AnswerFields::text(std::string_view name) const noexcept
{
    const std::string* const value = find(name);
    return value ? std::string_view(*value) : std::string_view();
}

}  // namespace galaxy::http

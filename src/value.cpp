// SPDX-License-Identifier: BSL-1.0
#include <galaxy/value.hpp>

#include "entry.hpp"

#include <boost/assert.hpp>

#include <utility>

namespace galaxy {

std::string_view to_string(Origin origin) noexcept
{
    switch (origin) {
    case Origin::main: return "main";
    case Origin::hot: return "hot";
    case Origin::peek: return "peek";
    case Origin::peer: return "peer";
    case Origin::backend: return "backend";
    }
    BOOST_ASSERT_MSG(false, "an Origin outside its enumerators");
    return "backend";
}

Value::Value(std::string_view bytes, Expiry expiry, Origin from) : from_(from)
{
    const bool plain = bytes.empty() && expiry.never() && !expiry.wall;
    if (!plain) entry_ = Entry::make({}, bytes, expiry, Entry::Room::none);
}

Value::Value(const Value& other) noexcept : entry_(other.entry_), from_(other.from_)
{
    if (entry_) Entry::retain(entry_);
}

Value& Value::operator=(Value other) noexcept
{
    std::swap(entry_, other.entry_);
    std::swap(from_, other.from_);
    return *this;
}

void Value::release(Entry* entry) noexcept
{
    Entry::release(entry);
}

std::string_view Value::view() const noexcept
{
    return entry_ ? entry_->bytes() : std::string_view();
}

Expiry Value::expiry() const noexcept
{
    return entry_ ? entry_->expiry() : Expiry{};
}

Value Value::with_origin(Origin from) const noexcept
{
    Value copy(*this);
    copy.from_ = from;
    return copy;
}

bool Value::unique() const noexcept
{
    return !entry_ || entry_->references() == 1;
}

}  // namespace galaxy

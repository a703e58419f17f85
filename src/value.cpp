// SPDX-License-Identifier: BSL-1.0
#include "value_block.hpp"

#include <galaxy/value.hpp>

#include <boost/assert.hpp>

#include <cstring>
#include <new>
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

Value::Block* Value::Block::make(std::string_view bytes, const Expiry& expiry)
{
    static_assert(sizeof(Block) == value_header);
    void* memory = ::operator new(sizeof(Block) + bytes.size());
    auto* block = new (memory) Block;
    block->size = bytes.size();
    block->at = expiry.at;
    block->has_wall = expiry.wall.has_value();
    if (expiry.wall) block->wall = *expiry.wall;
    if (!bytes.empty()) std::memcpy(static_cast<void*>(block + 1), bytes.data(), bytes.size());
    return block;
}

void Value::Block::release(Block* block) noexcept
{
    if (!block || block->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    PinGauge* gauge = block->pinned_by.load(std::memory_order_relaxed);
    if (gauge) gauge->release(block->footprint());
    block->~Block();
    ::operator delete(static_cast<void*>(block));
}

Value::Value(std::string_view bytes, Expiry expiry, Origin from) : from_(from)
{
    const bool plain = bytes.empty() && expiry.never() && !expiry.wall;
    if (!plain) block_ = Block::make(bytes, expiry);
}

Value::Value(const Value& other) noexcept : block_(other.block_), from_(other.from_)
{
    if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
}

Value::Value(Value&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)), from_(other.from_)
{
}

Value& Value::operator=(Value other) noexcept
{
    std::swap(block_, other.block_);
    std::swap(from_, other.from_);
    return *this;
}

Value::~Value()
{
    Block::release(block_);
}

std::string_view Value::view() const noexcept
{
    return block_ ? std::string_view(block_->bytes(), block_->size) : std::string_view();
}

Expiry Value::expiry() const noexcept
{
    Expiry expiry;
    if (!block_) return expiry;
    expiry.at = block_->at;
    if (block_->has_wall) expiry.wall = block_->wall;
    return expiry;
}

Value Value::with_origin(Origin from) const noexcept
{
    Value copy(*this);
    copy.from_ = from;
    return copy;
}

bool Value::unique() const noexcept
{
    return !block_ || block_->references.load(std::memory_order_acquire) == 1;
}

}  // namespace galaxy

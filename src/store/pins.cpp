// SPDX-License-Identifier: BSL-1.0
#include "store/pins.hpp"

#include "value_block.hpp"

namespace galaxy::store {

Pins::Pins() : gauge_(new PinGauge) {}

Pins::~Pins()
{
    gauge_->release(0);
}

void Pins::let_go(const Value& value) noexcept
{
    Value::Block* block = value.block_;
    if (!block || value.unique()) return;
    // This reference keeps the block alive, so nobody releases the gauge before it is set.
    gauge_->hold(block->footprint());
    PinGauge* none = nullptr;
    if (!block->pinned_by.compare_exchange_strong(none, gauge_, std::memory_order_acq_rel))
        gauge_->release(block->footprint());
}

void Pins::take_back(const Value& value) noexcept
{
    Value::Block* block = value.block_;
    if (!block) return;
    PinGauge* gauge = block->pinned_by.exchange(nullptr, std::memory_order_acq_rel);
    if (gauge) gauge->release(block->footprint());
}

std::uint64_t Pins::bytes() const noexcept
{
    return gauge_->bytes();
}

}  // namespace galaxy::store

// SPDX-License-Identifier: BSL-1.0
#include "runtime/strand.hpp"

#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

namespace galaxy {

namespace asio = boost::asio;

Strand::Strand(asio::any_io_executor inner)
    : Enrolment(asio::query(inner, asio::execution::context)),
      strand_(std::in_place, inner),
      inner_(inner),
      never_inside_(asio::require(inner, asio::execution::blocking.never))
{
}

Strand::~Strand()
{
    leave([this] {
        strand_.reset();
        inner_ = {};
        never_inside_ = {};
    });
}

bool Strand::is_beneath(const asio::any_io_executor& executor) const noexcept
{
    const std::lock_guard lock(mutex_);
    return strand_ && executor == inner_;
}

asio::any_io_executor Strand::executor() const
{
    const std::lock_guard lock(mutex_);
    return strand_ ? asio::any_io_executor(*strand_) : asio::any_io_executor();
}

void Strand::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    garbage.take(std::move(strand_));
    strand_.reset();
    garbage.take(std::exchange(inner_, {}));
    garbage.take(std::exchange(never_inside_, {}));
}

}  // namespace galaxy

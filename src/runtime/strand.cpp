// SPDX-License-Identifier: BSL-1.0
#include "runtime/strand.hpp"

#include <boost/asio/query.hpp>

namespace galaxy {

namespace asio = boost::asio;

Strand::Strand(asio::any_io_executor inner) : Enrolment(inner), on_(on(inner)), inner_(inner) {}

Strand::~Strand()
{
    leave([this] {
        on_ = {};
        inner_ = {};
    });
}

Strand::Either Strand::on(const asio::any_io_executor& inner)
{
    const auto* known = inner.target<asio::io_context::executor_type>();
    return known ? Either(std::in_place_type<Known>, *known)
                 : Either(std::in_place_type<Erased>, inner);
}

bool Strand::is_beneath(const asio::any_io_executor& executor) const noexcept
{
    const std::lock_guard lock(mutex_);
    return inner_ && executor == inner_;
}

asio::any_io_executor Strand::executor() const
{
    const std::lock_guard lock(mutex_);
    if (const auto* known = std::get_if<Known>(&on_)) return known->strand;
    if (const auto* erased = std::get_if<Erased>(&on_)) return erased->strand;
    return {};
}

void Strand::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    garbage.take(std::exchange(on_, {}));
    garbage.take(std::exchange(inner_, {}));
}

}  // namespace galaxy

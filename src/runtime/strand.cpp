// SPDX-License-Identifier: BSL-1.0
#include "runtime/strand.hpp"

namespace galaxy {

namespace asio = boost::asio;

Strand::Strand(asio::any_io_executor inner)
    : Enrolment(inner), turns_(std::make_shared<Turns>()), on_(on(inner, turns_)), inner_(inner)
{
    if (const auto* known = std::get_if<Known>(&on_)) known_ = known->inner;
}

Strand::~Strand()
{
    leave([this] {
        on_ = {};
        inner_ = {};
    });
}

Strand::Either Strand::on(const asio::any_io_executor& inner, const std::shared_ptr<Turns>& turns)
{
    const auto* known = inner.target<asio::io_context::executor_type>();
    return known ? Either(std::in_place_type<Known>, turns, *known)
                 : Either(std::in_place_type<Erased>, turns, inner);
}

bool Strand::is_beneath(const asio::any_io_executor& executor) const noexcept
{
    if (known_) {
        const auto* other = executor.target<asio::io_context::executor_type>();
        return other && *other == *known_ && !gone_.load(std::memory_order_relaxed);
    }
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
    struct Clearing {
        explicit Clearing(std::shared_ptr<Turns> t) noexcept : turns(std::move(t)) {}
        Clearing(Clearing&&) noexcept = default;
        Clearing& operator=(Clearing&&) = delete;
        ~Clearing()
        {
            if (turns) turns->clear();
        }
        std::shared_ptr<Turns> turns;
    };

    const std::lock_guard lock(mutex_);
    gone_.store(true, std::memory_order_relaxed);
    garbage.take(Clearing(turns_));
    garbage.take(std::exchange(on_, {}));
    garbage.take(std::exchange(inner_, {}));
}

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "runtime/reserve.hpp"
#include "runtime/turns.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/require.hpp>

#include <type_traits>
#include <utility>

namespace galaxy {

/// What `asio::make_strand` gives, made of `Turns`: where memory is short, that of Asio 1.26
/// crashes while it is made, and later may never run again. For objects that end before their
/// context.
boost::asio::any_io_executor strand_over(const boost::asio::any_io_executor& inner);

namespace detail {

using PlainIo = boost::asio::io_context::executor_type;
using ReservingIo = std::decay_t<decltype(with_reserve(std::declval<const PlainIo&>()))>;

template <class Executor>
using Tracked = std::decay_t<decltype(boost::asio::require(
    std::declval<const Executor&>(), boost::asio::execution::outstanding_work.tracked))>;

template <class Inner>
using OurStrand = TurnsExecutor<Inner, Inside::if_dispatched>;

/// False, and `f` untouched, where that is not what the executor is.
template <class Known, class F>
bool post_reserving_as(const boost::asio::any_io_executor& executor, F& f)
{
    const auto* const known = executor.target<Known>();
    if (known) reserving(*known).execute(std::move(f));
    return known != nullptr;
}

}  // namespace detail

/// Posts to whatever there is behind the executor, with the reserve where that is an `io_context`,
/// or one of our strands over it.
template <class F>
void post_reserving(const boost::asio::any_io_executor& executor, F f)
{
    using namespace detail;
    const bool done = post_reserving_as<PlainIo>(executor, f)
                      || post_reserving_as<Tracked<PlainIo>>(executor, f)
                      || post_reserving_as<OurStrand<ReservingIo>>(executor, f)
                      || post_reserving_as<OurStrand<Tracked<ReservingIo>>>(executor, f)
                      || post_reserving_as<TurnsExecutor<ReservingIo>>(executor, f)
                      || post_reserving_as<TurnsExecutor<Tracked<ReservingIo>>>(executor, f);
    if (!done) boost::asio::post(executor, std::move(f));
}

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#include "http/conversation.hpp"

#include "http/stream/serving.hpp"
#include "http/upgrade.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unistd.h>

#include <memory>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

using OnEnd = asio::any_completion_handler<void()>;

/// A stream and who waits for its end. On the stream's strand, but for `cancel`.
class Conversation final : public std::enable_shared_from_this<Conversation> {
public:
    Conversation(OnEnd handler, const asio::any_io_executor& executor,
                 const asio::any_io_executor& strand)
        : work_(executor),
          slot_(asio::get_associated_cancellation_slot(handler)),
          strand_(strand),
          handler_(std::move(handler))
    {
    }

    void begin(tcp::socket socket, const Request& request, const Responder& responder,
               const StreamLimits& limits)
    {
        if (slot_.is_connected()) {
            slot_.assign([weak = weak_from_this()](asio::cancellation_type) {
                if (const auto self = weak.lock())
                    asio::post(self->strand_, [self] { self->cancel(); });
            });
        }
        serve_stream(
            Transport(std::move(socket)), request, responder, limits,
            [self = shared_from_this()](const std::shared_ptr<stream::Serving>& serving) {
                self->begun(serving);
            },
            [self = shared_from_this()] { self->end(); });
    }

private:
    void begun(const std::shared_ptr<stream::Serving>& serving)
    {
        if (!serving) return end();
        serving_ = serving;
        if (cancelled_) serving->drop();
    }

    void cancel()
    {
        cancelled_ = true;
        if (const auto serving = serving_.lock()) serving->drop();
    }

    void end()
    {
        asio::post(work_.get_executor(), [self = shared_from_this()] {
            self->slot_.clear();
            std::move(self->handler_)();
        });
    }

    asio::executor_work_guard<asio::any_io_executor> work_;
    asio::cancellation_slot slot_;
    const asio::any_io_executor strand_;
    OnEnd handler_;
    std::weak_ptr<stream::Serving> serving_;
    bool cancelled_ = false;
};

/// The same connection, on a strand of its own.
tcp::socket on_strand(tcp::socket socket, const asio::any_io_executor& strand)
{
    boost::system::error_code error;
    const tcp::endpoint here = socket.local_endpoint(error);
    tcp::socket own(strand);
    const auto handle = socket.release(error);
    if (!error) own.assign(here.protocol(), handle, error);
    if (error) ::close(handle);
    return own;
}

}  // namespace

asio::awaitable<void> async_converse(tcp::socket socket, Request request, Responder responder,
                                     StreamLimits limits)
{
    const asio::any_io_executor strand = asio::make_strand(socket.get_executor());
    tcp::socket own = on_strand(std::move(socket), strand);
    auto initiate = [&](auto handler) {
        const asio::any_io_executor executor = asio::get_associated_executor(handler, strand);
        const auto conversation =
            std::make_shared<Conversation>(OnEnd(std::move(handler)), executor, strand);
        conversation->begin(std::move(own), request, responder, limits);
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                         asio::use_awaitable);
}

}  // namespace galaxy::http

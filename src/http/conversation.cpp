// SPDX-License-Identifier: BSL-1.0
#include "http/conversation.hpp"

#include "http/stream/serving.hpp"
#include "http/upgrade.hpp"
#include "runtime/serial.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
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

    void begin(stream::Carrier carrier, const Request& request, const Responder& responder,
               StreamTerms terms)
    {
        if (slot_.is_connected()) {
            slot_.assign([weak = weak_from_this()](asio::cancellation_type) {
                if (const auto self = weak.lock())
                    post_reserving(self->strand_, [self] { self->cancel(); });
            });
        }
        serve_stream(
            std::move(carrier), request, responder, std::move(terms),
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
        post_reserving(work_.get_executor(), [self = shared_from_this()] {
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

asio::awaitable<void> converse(stream::Carrier carrier, Request request, Responder responder,
                               StreamTerms terms)
{
    const asio::any_io_executor strand = carrier.get_executor();
    auto initiate = [&](auto handler) {
        const asio::any_io_executor executor = asio::get_associated_executor(handler, strand);
        const auto conversation =
            std::make_shared<Conversation>(OnEnd(std::move(handler)), executor, strand);
        conversation->begin(std::move(carrier), request, responder, std::move(terms));
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                         asio::use_awaitable);
}

}  // namespace

asio::any_io_executor AnyStream::strand_over(const asio::any_io_executor& inner)
{
    return galaxy::strand_over(inner);
}

asio::awaitable<void> async_converse(tcp::socket socket, Request request, Responder responder,
                                     StreamTerms terms)
{
    const asio::any_io_executor strand = strand_over(socket.get_executor());
    return converse(Transport(on_strand(std::move(socket), strand)), request, std::move(responder),
                    std::move(terms));
}

asio::awaitable<void> async_converse(std::shared_ptr<AnyStream> stream, Request request,
                                     Responder responder, StreamTerms terms)
{
    return converse(stream::Carrier(std::move(stream)), request, std::move(responder),
                    std::move(terms));
}

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/backend.hpp>
#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace galaxy {

/// How one call of a backend ended.
struct LoadEnd {
    boost::system::error_code error;  ///< of the load: `not_found`, what it threw, `backend_failed`
    std::optional<Loaded> loaded;     ///< where there is no error
    std::string what;                 ///< the text of what it threw
};

/// Whether the calling thread is, at this moment, inside a load of this key by this galaxy: a get of
/// it would wait for itself. Seen up to the load's first suspension, and in all of a `blocking` one.
bool loading_here(const void* galaxy, std::string_view key) noexcept;

/// Where a load is running, for `loading_here`: set while its code runs on the calling thread.
struct LoadMark {
    const void* galaxy = nullptr;
    std::string_view key;
    const LoadMark* outer = nullptr;
};

/// The mark of the calling thread, to be handed to a thread that works for it.
LoadMark current_load() noexcept;

/// Marks the calling thread for its lifetime.
class LoadScope {
public:
    LoadScope(const void* galaxy, std::string_view key) noexcept;
    ~LoadScope();
    LoadScope(const LoadScope&) = delete;
    LoadScope& operator=(const LoadScope&) = delete;

private:
    LoadMark mark_;
};

/// One call of a backend, on the backend's executor and never on the galaxy's strand. It owns what
/// the load needs, the key and the backend, so that the load may outlast flight, galaxy and universe.
class BackendCall : public std::enable_shared_from_this<BackendCall> {
public:
    /// Called once, from any thread: with the load's end, or, where the executor's context went first
    /// and took the load along, with `closed`.
    using Done = std::function<void(LoadEnd)>;

    enum class Cancellable : bool { no, yes };

    BackendCall(std::shared_ptr<const Backend> backend, const void* galaxy, std::string key,
                Done done);
    ~BackendCall();

    /// Begins, by post. A cancellable one gets a strand of its own, as cancelling a coroutine from
    /// another thread than its own would be a race.
    void start(boost::asio::any_io_executor executor, Cancellable cancellable);

    /// Emits terminal cancellation to a cancellable call, soon; otherwise nothing.
    void cancel();

private:
    boost::asio::awaitable<void> run();
    void spawn(boost::asio::any_io_executor executor);
    void end(LoadEnd end);

    const std::shared_ptr<const Backend> backend_;
    const void* galaxy_;
    const std::string key_;
    Done done_;
    boost::asio::cancellation_signal signal_;
    std::weak_ptr<boost::asio::strand<boost::asio::any_io_executor>> strand_;
};

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/failure.hpp"
#include "flight/loaders.hpp"

#include <galaxy/backend.hpp>
#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace galaxy {

struct Flight;

/// How one call of a backend ended.
struct LoadEnd {
    Failure failure;               ///< what it threw, or why there is no value
    std::optional<Loaded> loaded;  ///< where there is no failure
    std::string what;              ///< the text of what it threw

    /// Whether the backend gave no answer; that there is no such key is one.
    bool failed() const noexcept
    {
        return failure
               && (failure.is_thrown()
                   || (failure.code() != errc::not_found
                       && failure.code() != errc::value_too_large));
    }
};

/// Whether the calling thread is, at this moment, inside a load of this key by this galaxy: a get
/// of it would wait for itself. Seen up to the load's first suspension, and in all of a `blocking`
/// one.
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

class BackendCall;

/// Who is told of a load's end.
class LoadOwner {
public:
    /// From any thread: with the load's end, or, where the executor's context went first and took
    /// the load along, with `closed`. Not called where `begin` says so.
    virtual void load_ended(std::shared_ptr<BackendCall> call) = 0;

protected:
    ~LoadOwner() = default;
};

/// One call of a backend, on the backend's executor and never on the galaxy's strand. It owns what
/// the load needs, the flight with its key and the backend, so that the load may outlast galaxy and
/// universe. Begin it once, by `begin` or by `post`.
///
/// Most backends take a while; one that has its answer ready ends inside `begin`, and whoever began
/// it goes on with the answer at once. The two learn of each other by one atomic exchange each.
class BackendCall {
public:
    using Ptr = std::shared_ptr<BackendCall>;  ///< shares the flight

    BackendCall(std::shared_ptr<const Backend> backend, const void* galaxy, std::string_view key,
                Flight& flight) noexcept;

    /// For handlers of `executor`: calls the backend. True where the load has ended inside; then
    /// the owner is not told. It never throws: what the backend throws is the load's end, and where
    /// there is no memory to call it, that is `refused`. With `loaders`, which are the owner's, the
    /// load is run by one of them, and adds to them.
    static bool begin(Ptr self, std::shared_ptr<LoadOwner> owner,
                      const boost::asio::any_io_executor& executor, Loaders* loaders);

    /// Posts the call to `executor`; where there is no memory to, the load ends with `refused`,
    /// soon. On the owner's strand. A cancellable one gets a strand of its own, as cancelling a
    /// coroutine from another thread than its own would be a race.
    enum class Cancellable : bool { no, yes };
    static void post(Ptr self, std::shared_ptr<LoadOwner> owner,
                     boost::asio::any_io_executor executor, Cancellable cancellable);

    /// Emits terminal cancellation to a cancellable call, soon; otherwise nothing.
    static void cancel(Ptr self);

    /// Whose load it is.
    Flight& flight() const noexcept { return flight_; }

    /// When the backend was called.
    TimePoint begun() const noexcept { return begun_; }
    std::uint64_t event() const noexcept { return event_; }  ///< the observer's id of it, or zero
    void begin_at(TimePoint now, std::uint64_t event) noexcept
    {
        begun_ = now;
        event_ = event;
    }

    /// The end, once it has come.
    const LoadEnd& result() const noexcept { return end_; }

    // The owner's: a chain that owns it, once it has ended.
    BackendCall* inbox_next = nullptr;
    Ptr chained;

private:
    class Underway;
    enum class State { away, beginning, ended };  ///< away: its owner is to be told of the end

    static boost::asio::awaitable<void> run(Underway underway);
    void spawn(Underway underway, const boost::asio::any_io_executor& executor);
    void end(Ptr self);

    std::shared_ptr<const Backend> backend_;  ///< until the end
    const void* galaxy_;
    const std::string_view key_;
    Flight& flight_;
    std::shared_ptr<LoadOwner> owner_;  ///< while under way
    Loaders* loaders_ = nullptr;        ///< the owner's, or null
    TimePoint begun_;
    std::uint64_t event_ = 0;
    LoadEnd end_;
    bool over_ = false;                  ///< the end is as it will stay
    std::atomic<bool> starved_ = false;  ///< there was no memory to call the backend
    std::atomic<State> state_ = State::away;
    std::weak_ptr<const boost::asio::any_io_executor> strand_;
    boost::asio::cancellation_signal signal_;
};

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#include "node/file.hpp"
#include "node/origin.hpp"

#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sqlite3.h>

namespace node {
namespace {

constexpr std::size_t pool_size = 4;
constexpr int busy_timeout_ms = 1000;

/// A connection with the one statement prepared. For one thread at a time.
class Database {
public:
    Database(const std::string& file, const std::string& query)
    {
        try {
            require_file(file);  // SQLite would wait for the writer of a FIFO
        } catch (const std::runtime_error& error) {
            throw std::runtime_error("cannot open the database " + file + ": " + error.what());
        }
        sqlite3* opened = nullptr;
        const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
        const int result = sqlite3_open_v2(file.c_str(), &opened, flags, nullptr);
        connection_.reset(opened);
        if (result != SQLITE_OK) fail("cannot open the database " + file);
        sqlite3_busy_timeout(connection_.get(), busy_timeout_ms);

        sqlite3_stmt* prepared = nullptr;
        if (sqlite3_prepare_v2(connection_.get(), query.c_str(), -1, &prepared, nullptr)
            != SQLITE_OK)
            fail("cannot prepare \"" + query + "\" for " + file);
        statement_.reset(prepared);
        if (!prepared || sqlite3_bind_parameter_count(prepared) != 1
            || sqlite3_column_count(prepared) != 1)
            throw std::runtime_error("\"" + query + "\" must take ?1 and give one column");
    }

    galaxy::Loaded find(std::string_view key)
    {
        const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> rewind(statement_.get(),
                                                                           sqlite3_reset);
        sqlite3_bind_text(statement_.get(), 1, key.data(), static_cast<int>(key.size()),
                          SQLITE_STATIC);
        const int step = sqlite3_step(statement_.get());
        if (step == SQLITE_DONE) return galaxy::Loaded::not_found();
        if (step != SQLITE_ROW) fail("query failed");
        if (sqlite3_column_type(statement_.get(), 0) == SQLITE_NULL)
            return galaxy::Loaded::not_found();
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), 0));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), 0));
        return galaxy::Loaded::value(size == 0 ? std::string() : std::string(bytes, size));
    }

    /// Lets a `find` on another thread fail soon.
    void interrupt() { sqlite3_interrupt(connection_.get()); }

private:
    [[noreturn]] void fail(const std::string& what) const
    {
        throw std::runtime_error(what + ": " + sqlite3_errmsg(connection_.get()));
    }

    std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection_{nullptr, sqlite3_close};
    std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_{nullptr, sqlite3_finalize};
};

/// As many connections as threads, so that every thread finds one free.
class Databases {
public:
    Databases(const std::string& file, const std::string& query) : threads_(pool_size)
    {
        for (std::size_t i = 0; i < pool_size; ++i)
            all_.push_back(std::make_unique<Database>(file, query));
        for (const auto& one : all_) free_.push_back(one.get());
    }

    galaxy::Loaded find(std::string_view key)
    {
        Database& mine = take();
        const std::unique_ptr<Databases, Return> give_back(this, Return{&mine});
        return mine.find(key);
    }

    boost::asio::thread_pool& threads() noexcept { return threads_; }

    ~Databases()
    {
        threads_.stop();
        for (const auto& one : all_) one->interrupt();
        threads_.join();
    }

private:
    struct Return {
        Database* database;
        void operator()(Databases* self) const
        {
            const std::lock_guard lock(self->mutex_);
            self->free_.push_back(database);
        }
    };

    Database& take()
    {
        const std::lock_guard lock(mutex_);
        Database* const one = free_.back();
        free_.pop_back();
        return *one;
    }

    std::vector<std::unique_ptr<Database>> all_;
    std::mutex mutex_;
    std::vector<Database*> free_;
    boost::asio::thread_pool threads_;
};

}  // namespace

Origin sqlite_origin(const Options& options)
{
    const std::string file = options.origin.substr(options.origin.find(':') + 1);
    const auto databases = std::make_shared<Databases>(file, options.query);
    // The loads only borrow it: the pool must outlive them and the context.
    Databases* const borrowed = databases.get();
    return {galaxy::blocking(databases->threads().get_executor(),
                             [borrowed](std::string_view key) { return borrowed->find(key); }),
            {},
            databases};
}

}  // namespace node

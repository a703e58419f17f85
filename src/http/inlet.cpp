// SPDX-License-Identifier: BSL-1.0
#include "http/inlet.hpp"

#include "runtime/sanitizer.hpp"

#include <algorithm>
#include <utility>

namespace galaxy::http {

namespace {

// The block that the thread has to spare. Without a destructor, so that it is there for whatever
// else a thread destroys at its end.
constinit thread_local char* spare = nullptr;
constinit thread_local bool ending = false;

struct Ending {
    ~Ending()
    {
        ending = true;
        delete[] std::exchange(spare, nullptr);
    }
};

}  // namespace

Inlet::Block Inlet::take_block()
{
    if (char* const block = std::exchange(spare, nullptr)) return Block(block);
    return Block(new char[block_size]);
}

/// Under the sanitizer a block that is used up is freed, so that a view of it is found out.
void Inlet::Release::operator()(char* block) const noexcept
{
    if (spare || ending || under_asan) {
        delete[] block;
    } else {
        thread_local const Ending end;
        spare = block;
    }
}

std::size_t Inlet::read(Transport& transport, boost::system::error_code& error, std::size_t most)
{
    keep();
    block_ = take_block();
    const std::size_t room = std::min(most, block_size);
    const std::size_t size = transport.take(boost::asio::buffer(block_.get(), room), error);
    fresh_ = {block_.get(), size};
    if (size == 0) block_.reset();
    return size;
}

void Inlet::keep()
{
    kept_.append(fresh_);
    fresh_ = {};
    block_.reset();
}

std::string_view Inlet::bytes()
{
    if (kept_.empty()) return fresh_;
    keep();
    return kept_;
}

void Inlet::drop(std::size_t size) noexcept
{
    if (kept_.empty()) {
        fresh_.remove_prefix(size);
        if (fresh_.empty()) block_.reset();
    } else {
        kept_.erase(0, size);
        if (kept_.empty()) std::string().swap(kept_);
    }
}

void Inlet::clear() noexcept
{
    fresh_ = {};
    block_.reset();
    kept_.clear();
    header_size_ = 0;
}

}  // namespace galaxy::http

// SPDX-License-Identifier: BSL-1.0
#include "node/watcher.hpp"

#include "node/log.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace node {
namespace {

std::string read_file(const std::string& name)
{
    std::ifstream stream(name, std::ios::binary);
    if (!stream) throw std::runtime_error("it cannot be read");
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

PeersWatcher::PeersWatcher(galaxy::Universe& universe, Neighbourhood here, std::string file,
                           boost::asio::any_io_executor strand)
    : universe_(universe), here_(std::move(here)), file_(std::move(file)), timer_(std::move(strand))
{
}

void PeersWatcher::begin()
{
    std::vector<galaxy::Peer> named = unite(here_, {});
    if (file_.empty()) {
        universe_.set_peers(std::move(named));
    } else {
        look();
    }
}

boost::asio::awaitable<void> PeersWatcher::watch()
{
    while (!stopped_ && !file_.empty()) {
        timer_.expires_after(std::chrono::seconds(1));
        boost::system::error_code stopped;
        co_await timer_.async_wait(
            boost::asio::redirect_error(boost::asio::use_awaitable, stopped));
        if (!stopped_) look();
    }
}

void PeersWatcher::stop()
{
    stopped_ = true;
    timer_.cancel();
}

void PeersWatcher::look()
{
    std::string complaint;
    try {
        std::string text = read_file(file_);
        if (seen_ && *seen_ == text) return;
        // Whoever writes the file anew empties it first; that does not send everybody away.
        if (seen_ && text.empty()) throw std::runtime_error("it is empty");
        take(text);
        seen_ = std::move(text);
    } catch (const std::exception& error) {
        complaint = error.what();
    }
    if (!complaint.empty() && complaint != last_complaint_)
        log_warning("the file of peers is bad, the last good set stays",
                    {{"file", file_}, {"error", complaint}});
    last_complaint_ = std::move(complaint);
}

void PeersWatcher::take(const std::string& text)
{
    std::vector<galaxy::Peer> all = unite(here_, parse_peers(text));
    if (all == present_ && seen_) return;
    universe_.set_peers(all);
    present_ = std::move(all);
    std::string list;
    for (const galaxy::Peer& peer : present_)
        list += (list.empty() ? "" : " ") + peer.id + "=" + peer.uri;
    log_info("membership", {{"peers", list}});
}

}  // namespace node

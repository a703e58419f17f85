// SPDX-License-Identifier: BSL-1.0
#include "node/watcher.hpp"

#include "node/file.hpp"
#include "node/log.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <utility>

namespace node {
namespace {

/// What a line of the log names of a large membership.
constexpr std::size_t most_logged = 100;

std::string named(const std::vector<galaxy::Peer>& peers)
{
    std::string list;
    for (std::size_t i = 0; i < std::min(peers.size(), most_logged); ++i)
        list += (list.empty() ? "" : " ") + peers[i].id + "=" + peers[i].uri;
    if (peers.size() > most_logged) list += " ...";
    return list;
}

}  // namespace

PeersWatcher::PeersWatcher(galaxy::Universe& universe, Neighbourhood here, std::string file)
    : universe_(universe), here_(std::move(here)), file_(std::move(file))
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

void PeersWatcher::watch()
{
    if (file_.empty()) return;
    thread_ = std::jthread([this](const std::stop_token& stop) {
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable_any bell;
        const auto stopped = [&stop] { return stop.stop_requested(); };
        while (!bell.wait_for(lock, stop, std::chrono::seconds(1), stopped)) look();
    });
}

void PeersWatcher::stop()
{
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
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
    log_info("membership",
             {{"count", std::to_string(present_.size())}, {"peers", named(present_)}});
}

}  // namespace node

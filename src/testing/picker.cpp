// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/picker.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace galaxy::testing {

namespace {

using Owners = std::map<std::string, std::vector<std::string>, std::less<>>;

class PinnedPicker final : public PeerPicker {
public:
    PinnedPicker(const Owners& owners, std::vector<std::string> ids)
        : peers_(ids.size()), otherwise_(ids)
    {
        for (const auto& [key, ranked] : owners) {
            std::vector<std::size_t>& ranks = pinned_[key];
            for (const std::string& id : ranked) {
                const auto at = std::lower_bound(ids.begin(), ids.end(), id);
                if (at != ids.end() && *at == id) append(ranks, std::size_t(at - ids.begin()));
            }
        }
    }

    std::size_t owners(std::string_view key, std::span<std::size_t> ranks) const override
    {
        const auto pinned = pinned_.find(key);
        if (pinned == pinned_.end()) return otherwise_.owners(key, ranks);
        std::vector<std::size_t> rest(peers_);
        rest.resize(otherwise_.owners(key, rest));
        std::vector<std::size_t> all = pinned->second;
        for (std::size_t peer : rest) append(all, peer);
        const std::size_t count = std::min(all.size(), ranks.size());
        std::copy_n(all.begin(), count, ranks.begin());
        return count;
    }

private:
    static void append(std::vector<std::size_t>& ranks, std::size_t peer)
    {
        if (std::find(ranks.begin(), ranks.end(), peer) == ranks.end()) ranks.push_back(peer);
    }

    std::size_t peers_;
    Rendezvous otherwise_;
    std::map<std::string, std::vector<std::size_t>, std::less<>> pinned_;
};

/// Enters the digest: two rings built to different orders disagree.
std::string describe(const Owners& owners)
{
    std::string text = "pinned";
    for (const auto& [key, ranked] : owners) {
        text += ' ';  // apart: at -O3, g++ 12 warns of " " + a temporary string
        text += std::to_string(key.size()) + ":" + key + "=";
        for (const std::string& id : ranked) text += id + ",";
    }
    return text;
}

}  // namespace

PickerFactory pinned(Owners owners)
{
    PickerFactory factory;
    factory.description = describe(owners);
    factory.make = [owners = std::move(owners)](std::vector<std::string> ids) {
        return std::make_shared<const PinnedPicker>(owners, std::move(ids));
    };
    return factory;
}

}  // namespace galaxy::testing

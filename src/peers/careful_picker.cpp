// SPDX-License-Identifier: BSL-1.0
#include "peers/careful_picker.hpp"

#include "names.hpp"
#include "thrown.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

namespace galaxy {

namespace {

class CarefulPicker final : public PeerPicker {
public:
    CarefulPicker(std::shared_ptr<const PeerPicker> picker, std::size_t peers,
                  std::shared_ptr<const Logger> logger)
        : picker_(std::move(picker)), peers_(peers), logger_(std::move(logger))
    {
    }

    std::size_t owners(std::string_view key, std::span<std::size_t> ranks) const override
    {
        try {
            const std::size_t count = picker_->owners(key, ranks);
            const auto known = [this](std::size_t peer) { return peer < peers_; };
            if (count <= ranks.size() && std::ranges::all_of(ranks.first(count), known))
                return count;
            complain(key, "it names what is no peer");
        } catch (const std::exception&) {
            complain(key, what_was_thrown());
        } catch (...) {
            complain(key, "it threw something that is no std::exception");
        }
        return 0;
    }

private:
    void complain(std::string_view key, std::string_view what) const
    {
        (*logger_)(LogLevel::error, "the picker failed: the key has no owner here",
                   {{"key", printable(key)}, {"what", what}});
    }

    const std::shared_ptr<const PeerPicker> picker_;
    const std::size_t peers_;
    const std::shared_ptr<const Logger> logger_;
};

}  // namespace

PickerFactory careful(PickerFactory factory, std::shared_ptr<const Logger> logger)
{
    factory.make = [make = std::move(factory.make), logger = std::move(logger)](
                       std::vector<std::string> ids) -> std::shared_ptr<const PeerPicker> {
        const std::size_t peers = ids.size();
        std::shared_ptr<const PeerPicker> picker = make(std::move(ids));
        if (!picker) {
            throw std::invalid_argument(
                "UniverseOptions::picker made no picker; it must make one for any ids, also none");
        }
        return std::make_shared<CarefulPicker>(std::move(picker), peers, logger);
    };
    return factory;
}

}  // namespace galaxy

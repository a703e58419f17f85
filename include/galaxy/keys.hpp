// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <ranges>
#include <string_view>
#include <type_traits>

namespace galaxy {

/// The keys of a `get_many`: a view of a vector, array or span of whatever converts to
/// `std::string_view`. It copies nothing, neither strings nor views; what it was made of must live,
/// unchanged, as long as it is used. A set or a list is to be gathered in a vector of views first.
///
/// Trivially destructible on purpose: safe to make inside a `co_await` on g++ 12.
class Keys {
public:
    template <std::ranges::contiguous_range Range>
        requires(std::ranges::sized_range<Range>
                 && std::convertible_to<const std::ranges::range_value_t<Range>&, std::string_view>
                 && !std::same_as<std::remove_cvref_t<Range>, Keys>)
    Keys(const Range& range) noexcept  // implicit, as `get_many(ids)` shall do
        : data_(static_cast<const void*>(std::to_address(std::ranges::begin(range)))),
          size_(std::ranges::size(range)),
          at_([](const void* data, std::size_t i) {
              const auto* first = static_cast<const std::ranges::range_value_t<Range>*>(data);
              return std::string_view(first[i]);
          })
    {
    }

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    std::string_view operator[](std::size_t i) const { return at_(data_, i); }

private:
    const void* data_;
    std::size_t size_;
    std::string_view (*at_)(const void* data, std::size_t i);
};

static_assert(std::is_trivially_destructible_v<Keys>);

}  // namespace galaxy

// SPDX-License-Identifier: BSL-1.0
#include "runtime/recycled.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

using galaxy::recycle;
using galaxy::take_recycled;

TEST_CASE("recycled blocks are aligned, apart, and as large as asked for")
{
    for (int round = 0; round != 3; ++round) {
        std::vector<std::pair<void*, std::size_t>> blocks;
        for (std::size_t size = 1; size <= 2000; size += 13) {
            void* block = take_recycled(size);
            CHECK(reinterpret_cast<std::uintptr_t>(block) % __STDCPP_DEFAULT_NEW_ALIGNMENT__ == 0);
            std::memset(block, static_cast<int>(size % 251), size);
            blocks.emplace_back(block, size);
        }
        for (const auto& [block, size] : blocks) {
            const auto* bytes = static_cast<const unsigned char*>(block);
            CHECK(bytes[0] == size % 251);
            CHECK(bytes[size - 1] == size % 251);
        }
        for (const auto& [block, size] : blocks) recycle(block, size);
    }
}

TEST_CASE("blocks may be recycled by another thread than took them, and by one that ends")
{
    struct Late {
        ~Late()
        {
            for (void* block : blocks) recycle(block, 100);
            recycle(take_recycled(100), 100);
        }
        std::vector<void*> blocks;
    };
    std::vector<void*> taken;
    for (int i = 0; i != 100; ++i) taken.push_back(take_recycled(100));
    std::jthread([&taken] {
        thread_local Late late;  // ends after what was made later
        late.blocks = taken;
        recycle(take_recycled(200), 200);
    }).join();
    // Far more than is kept.
    taken.clear();
    for (int i = 0; i != 10'000; ++i) taken.push_back(take_recycled(1000));
    for (void* block : taken) recycle(block, 1000);
}

TEST_CASE("the allocator's blocks are recycled")
{
    const auto shared = std::allocate_shared<int>(galaxy::RecyclingAllocator<int>(), 5);
    CHECK(*shared == 5);
}

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "entry.hpp"

#include <boost/intrusive/link_mode.hpp>
#include <boost/intrusive/list.hpp>

namespace galaxy::store {

/// Lists by the words that an entry has for them: 16 bytes, and nothing to construct.
struct LinksTraits {
    using node = Links;
    using node_ptr = Links*;
    using const_node_ptr = const Links*;
    static node_ptr get_next(const_node_ptr n) noexcept { return n->next; }
    static void set_next(node_ptr n, node_ptr next) noexcept { n->next = next; }
    static node_ptr get_previous(const_node_ptr n) noexcept { return n->previous; }
    static void set_previous(node_ptr n, node_ptr previous) noexcept { n->previous = previous; }
};

template <Links& (Entry::*links)() noexcept, Entry* (*entry)(Links*) noexcept>
struct EntryLinks {
    using node_traits = LinksTraits;
    using node_ptr = Links*;
    using const_node_ptr = const Links*;
    using value_type = Entry;
    using pointer = Entry*;
    using const_pointer = const Entry*;
    static constexpr boost::intrusive::link_mode_type link_mode = boost::intrusive::normal_link;
    static node_ptr to_node_ptr(Entry& e) noexcept { return &(e.*links)(); }
    static const_node_ptr to_node_ptr(const Entry& e) noexcept
    {
        return &(const_cast<Entry&>(e).*links)();
    }
    static pointer to_value_ptr(node_ptr n) noexcept { return entry(n); }
    static const_pointer to_value_ptr(const_node_ptr n) noexcept
    {
        return entry(const_cast<node_ptr>(n));
    }
};

template <class Traits>
using ListBy = boost::intrusive::list<Entry, boost::intrusive::value_traits<Traits>,
                                      boost::intrusive::constant_time_size<false>>;

/// In an order of eviction.
using OrderList = ListBy<EntryLinks<&Entry::links, &Entry::with_links>>;

/// Among those that end at about the same time.
using EndingList = ListBy<EntryLinks<&Entry::ending_links, &Entry::with_ending_links>>;

}  // namespace galaxy::store

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>

// Many connections on one thread, none of which ever waits: what attackers are made of.
namespace galaxy::siege {

/// Whom to attack, and from which address of this machine.
struct Place {
    std::uint16_t port = 0;
    std::uint32_t from = 0;  ///< in the host's order
};

/// What many connections may say, in memory once.
using Text = std::shared_ptr<const std::string>;

Text text(std::string words);

enum class Talk : std::uint8_t {
    http,
    stream,  ///< upgraded first; what is said waits for that
};

enum class Ears : std::uint8_t {
    open,
    trickling,  ///< some bytes at each step
    closed,     ///< nothing is read once a stream is one, and the system keeps little
};

/// A connection.
class Line {
public:
    Line(int fd, Talk talk, Ears ears);
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;
    ~Line();

    void say(Text words) { (agreed_ ? out_ : later_).push_back(std::move(words)); }
    void say(std::string words) { say(text(std::move(words))); }

    /// That it is a stream now, where it was to become one.
    bool agreed() const noexcept { return agreed_; }
    bool all_said() const noexcept { return agreed_ && out_.empty(); }
    bool gone() const noexcept { return gone_; }
    /// Answers that a stream has brought; of HTTP, pieces of any.
    std::size_t answers() const noexcept { return answers_; }

    /// Ends it with a reset, and not in order.
    void reset();

private:
    friend class Crowd;

    short wishes() const;
    void serve(short ready);
    void send();
    void receive();
    void hear();
    void hear_stream();

    const int fd_;
    const Talk talk_;
    const Ears ears_;
    bool agreed_;
    bool gone_ = false;
    std::size_t answers_ = 0;
    std::deque<Text> out_, later_;
    std::size_t sent_ = 0;  ///< of the first in `out_`
    std::string heard_;
};

/// Lines to one place.
class Crowd {
public:
    explicit Crowd(const Place& place, Talk talk = Talk::http, Ears ears = Ears::open)
        : place_(place), talk_(talk), ears_(ears)
    {
    }

    /// Up to so many lines; of those that are missing a few at once, each of which `greet` has say
    /// something.
    template <class F>
    void fill(std::size_t size, F greet)
    {
        constexpr std::size_t at_once = 32;
        for (std::size_t i = 0; i < at_once && lines_.size() < size; ++i) {
            Line* const line = open();
            if (!line) return;
            greet(*line);
        }
    }

    template <class F>
    void each(F f)
    {
        for (Line& line : lines_) f(line);
    }

    /// Hangs up on those of whom it is true.
    template <class F>
    void drop_if(F f)
    {
        lines_.remove_if(f);
    }

    /// Sends and receives what goes, for so long, and forgets those that have gone.
    void step(std::chrono::milliseconds time);

    std::size_t size() const noexcept { return lines_.size(); }

private:
    Line* open();

    const Place place_;
    const Talk talk_;
    const Ears ears_;
    std::list<Line> lines_;
};

}  // namespace galaxy::siege

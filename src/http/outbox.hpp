// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/value.hpp>

#include <boost/asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace galaxy::http {

/// Bytes on their way into a socket: a text, and after it perhaps a value, sent from where it lies.
class Outbox {
public:
    using Buffers = std::array<boost::asio::const_buffer, 2>;

    /// To be appended to, before anything is sent.
    std::string& text() noexcept { return text_; }
    /// What comes after the text.
    void set_value(Value value) noexcept { value_ = std::move(value); }

    const Value& value() const noexcept { return value_; }

    bool has_value() const noexcept { return !value_.empty(); }

    bool empty() const noexcept { return size() == 0; }
    std::size_t size() const noexcept { return text_.size() + value_.size() - sent_; }
    /// What it takes of memory beside the value.
    std::size_t held() const noexcept { return text_.capacity(); }

    /// What comes next, `most` bytes of it.
    Buffers next(std::size_t most) const noexcept
    {
        const std::string_view text = from(text_, sent_).substr(0, most);
        const std::string_view value =
            from(value_.view(), sent_ > text_.size() ? sent_ - text_.size() : 0)
                .substr(0, most - text.size());
        return {boost::asio::const_buffer(text.data(), text.size()),
                boost::asio::const_buffer(value.data(), value.size())};
    }

    void consume(std::size_t size) noexcept { sent_ += size; }

    void clear() noexcept
    {
        text_.clear();
        value_ = {};
        sent_ = 0;
    }

    /// What is not sent yet, as an outbox that owns no more than that.
    Outbox rest() const
    {
        Outbox left;
        left.text_ = from(text_, sent_);
        left.value_ = value_;
        left.sent_ = sent_ > text_.size() ? sent_ - text_.size() : 0;
        return left;
    }

private:
    static std::string_view from(std::string_view bytes, std::size_t at) noexcept
    {
        return at < bytes.size() ? bytes.substr(at) : std::string_view();
    }

    std::string text_;
    Value value_;
    std::size_t sent_ = 0;
};

}  // namespace galaxy::http

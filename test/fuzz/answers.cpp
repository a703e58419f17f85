// SPDX-License-Identifier: BSL-1.0
#include "http/answer_body.hpp"
#include "http/inlet.hpp"

#include "fuzz/pieces.hpp"
#include "fuzz/target.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/none.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

// The input is how to cut the rest of it, and that is what a peer answers before it ends the
// connection: read as `http::Connection` does.

namespace galaxy::fuzz {
namespace {

namespace beast = boost::beast;

constexpr std::size_t max_header = 300;
constexpr std::size_t max_value = 40;

/// An answer; none where it is bad, or cut short. Which of these is a matter of how it came: Beast
/// looks at fields before the header's end where they came with the first line.
struct Answer {
    unsigned status = 0;
    std::string value = {};
    std::string fields = {};
    bool reusable = false;

    bool operator==(const Answer&) const = default;
};

class Reader {
public:
    Reader() { renew(); }

    /// Reads until the answer is there, or bad, or over.
    std::optional<Answer> read(Pieces& pieces)
    {
        while (pieces.next(inlet_)) {
            boost::system::error_code error;
            feed(error);
            while (!error && parser_->is_done() && parser_->get().result_int() / 100 == 1) {
                renew();
                feed(error);
            }
            if (error || is_too_much() || has_no_end()) return std::nullopt;
            if (parser_->is_done()) return answer();
        }
        if (!parser_->got_some()) return std::nullopt;
        boost::system::error_code error;
        parser_->put_eof(error);
        if (error) return std::nullopt;
        return answer();
    }

private:
    using Parser = beast::http::response_parser<http::AnswerBody>;

    void renew()
    {
        parser_.emplace();
        parser_->body_limit(boost::none);
        parser_->header_limit(std::numeric_limits<std::uint32_t>::max());
        parser_->get().body().limit = max_value;
    }

    void feed(boost::system::error_code& error)
    {
        inlet_.feed(*parser_, error);
        const std::string& value = parser_->get().body().bytes;
        require(value.size() <= max_value, "no value grows beyond the limit");
        require(value.capacity() <= std::size_t{2} << 20, "no claim of a length takes memory");
        require(value.empty() || parser_->get().result_int() == 200, "only 200 has a value");
    }

    bool is_too_much() const
    {
        const std::size_t in_header = parser_->is_header_done() ? 0 : inlet_.pending();
        return inlet_.header_size() + in_header > max_header
               || (!parser_->is_done() && inlet_.pending() > max_header);
    }

    bool has_no_end() const
    {
        return parser_->is_header_done() && parser_->need_eof() && !parser_->is_done()
               && parser_->get().result_int() == 200;
    }

    Answer answer() const
    {
        const auto& message = parser_->get();
        Answer answer{.status = message.result_int()};
        answer.value = message.body().bytes;
        answer.reusable = parser_->keep_alive();
        for (const auto& field : message)
            answer.fields +=
                std::string(field.name_string()) + ':' + std::string(field.value()) + '\n';
        if (answer.status == 200 && parser_->content_length())
            require(*parser_->content_length() == answer.value.size(), "a value is never cut");
        return answer;
    }

    http::Inlet inlet_;
    std::optional<Parser> parser_;
};

std::optional<Answer> read(std::string_view bytes, Cuts cuts)
{
    Pieces pieces(bytes, cuts);
    return Reader().read(pieces);
}

}  // namespace

void run(std::string_view input)
{
    if (input.empty()) return;
    const Cuts cuts = Cuts::of(static_cast<unsigned char>(input.front()));
    input.remove_prefix(1);
    const std::optional<Answer> whole = read(input, Cuts::none());
    require(whole == read(input, cuts), "it does not matter how the bytes are cut");
    if (whole) require(whole->value.size() <= max_value, "no value is larger than the limit");
}

}  // namespace galaxy::fuzz

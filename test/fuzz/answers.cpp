// SPDX-License-Identifier: BSL-1.0
#include "http/answer_parser.hpp"
#include "http/inlet.hpp"

#include "fuzz/pieces.hpp"
#include "fuzz/target.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// The input is how to cut the rest of it, and that is what a peer answers before it ends the
// connection: read as `http::Connection` does.

namespace galaxy::fuzz {
namespace {

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
            while (!error && parser_->is_interim()) {
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
    void renew() { parser_.emplace(max_value); }

    void feed(boost::system::error_code& error)
    {
        inlet_.feed(*parser_, error);
        const std::string& value = parser_->body();
        require(value.size() <= max_value, "no value grows beyond the limit");
        require(value.capacity() <= std::size_t{2} << 20, "no claim of a length takes memory");
        require(value.empty() || parser_->status() == 200, "only 200 has a value");
    }

    bool is_too_much() const
    {
        const std::size_t in_header = parser_->is_header_done() ? 0 : inlet_.pending();
        return inlet_.header_size() + in_header > max_header;
    }

    bool has_no_end() const
    {
        return parser_->is_header_done() && parser_->need_eof() && !parser_->is_done()
               && parser_->status() == 200;
    }

    Answer answer()
    {
        Answer answer{.status = parser_->status()};
        answer.value = parser_->body();
        answer.reusable = parser_->keep_alive();
        for (const std::string_view name : http::AnswerFields::names)
            if (const std::string* const value = parser_->fields().find(name))
                answer.fields += std::string(name) + ':' + *value + '\n';
        check_framing(answer);
        return answer;
    }

    void check_framing(const Answer& answer)
    {
        const std::string* const coding = parser_->fields().find("Transfer-Encoding");
        const std::string* const length = parser_->fields().find("Content-Length");
        require(!coding || (!length && coding->size() == std::string_view("chunked").size()),
                "no coding but chunks is understood, and no length beside them");
        require(answer.status != 200 || coding || length, "a value has an end");
        if (answer.status == 200 && length)
            require(std::stoull(*length) == answer.value.size(), "a value is never cut");
    }

    http::Inlet inlet_{max_header};
    std::optional<http::AnswerParser> parser_;
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

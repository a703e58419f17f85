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

/// What comes of an answer.
struct Outcome {
    enum Kind { unfinished, bad, good };

    Kind kind = unfinished;
    unsigned status = 0;
    std::string value = {};
    std::string fields = {};
    bool reusable = false;

    bool operator==(const Outcome&) const = default;
};

class Reader {
public:
    Reader() { renew(); }

    /// Reads until the answer is there, or bad, or over.
    Outcome read(Pieces& pieces)
    {
        while (pieces.next(inlet_)) {
            boost::system::error_code error;
            feed(error);
            while (!error && parser_->is_done() && parser_->get().result_int() / 100 == 1) {
                renew();
                feed(error);
            }
            if (error || is_too_much() || has_no_end()) return {.kind = Outcome::bad};
            if (parser_->is_done()) return outcome();
        }
        if (!parser_->got_some()) return {};
        boost::system::error_code error;
        parser_->put_eof(error);
        return error ? Outcome{} : outcome();
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

    Outcome outcome() const
    {
        const auto& answer = parser_->get();
        Outcome outcome{.kind = Outcome::good, .status = answer.result_int()};
        outcome.value = answer.body().bytes;
        outcome.reusable = parser_->keep_alive();
        for (const auto& field : answer)
            outcome.fields +=
                std::string(field.name_string()) + ':' + std::string(field.value()) + '\n';
        if (outcome.status == 200 && parser_->content_length())
            require(*parser_->content_length() == outcome.value.size(), "a value is never cut");
        return outcome;
    }

    http::Inlet inlet_;
    std::optional<Parser> parser_;
};

Outcome read(std::string_view bytes, Cuts cuts)
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
    const Outcome whole = read(input, Cuts::none());
    const Outcome cut = read(input, cuts);
    require(whole == cut, "it does not matter how the bytes are cut");
    require(whole.value.size() <= max_value, "no value is larger than the limit");
}

}  // namespace galaxy::fuzz

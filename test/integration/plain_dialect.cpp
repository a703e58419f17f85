// SPDX-License-Identifier: BSL-1.0
#include "integration/dialect.hpp"

#include "integration/http_scripted.hpp"

namespace galaxy::test {
namespace {

class PlainDialect final : public Dialect {
public:
    std::vector<Question> hear(std::string_view bytes, std::string&) override
    {
        heard_ += bytes;
        std::vector<Question> questions;
        for (std::size_t end = 0; (end = heard_.find("\r\n\r\n")) != std::string::npos;) {
            const bool peek = heard_.starts_with("GET /_galaxycache_peek/");
            questions.push_back({peek ? Verb::peek : Verb::fetch, key_of(heard_), 0});
            heard_.erase(0, end + 4);
        }
        return questions;
    }

    std::string value(const Question&, std::string_view bytes) const override
    {
        return answer(bytes);
    }

    std::string strange(const Question&, std::string_view bytes) const override
    {
        std::string text = answer(bytes);
        const std::string_view ours = "X-Galaxy-Peer: b";
        return text.replace(text.find(ours), ours.size(), "X-Galaxy-Peer: c");
    }

    std::string nothing(const Question&) const override
    {
        return answer({}, "X-Galaxycache-Galaxy-Status: Found\r\n", "404 Not Found");
    }

private:
    std::string heard_;
};

}  // namespace

std::unique_ptr<Dialect> plain_dialect()
{
    return std::make_unique<PlainDialect>();
}

}  // namespace galaxy::test

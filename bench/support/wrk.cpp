// SPDX-License-Identifier: BSL-1.0
#include "support/wrk.hpp"

#include "support/child.hpp"
#include "support/process.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

namespace bench {

namespace {

/// What follows the mark; empty where that is not there.
std::string after(const std::string& text, std::string_view mark)
{
    const std::size_t at = text.find(mark);
    return at == text.npos ? std::string() : text.substr(at + mark.size());
}

/// "560.00us", "1.23ms" or "2.01s" in nanoseconds.
double nanoseconds(const std::string& text)
{
    char* unit = nullptr;
    const double number = std::strtod(text.c_str(), &unit);
    const std::string_view rest(unit);
    if (rest.starts_with("us")) return number * 1e3;
    if (rest.starts_with("ms")) return number * 1e6;
    return number * 1e9;
}

}  // namespace

Wrk::Wrk() : program_(find_program("wrk")) {}

Sample Wrk::ask(std::uint16_t port, std::string_view path, std::size_t connections,
                std::chrono::duration<double> length) const
{
    const auto seconds = std::lround(std::max(1.0, std::ceil(length.count())));
    std::string url = "http://127.0.0.1:";
    url.append(std::to_string(port)).append(path);
    support::Process process({program_, "--threads", "1", "--connections",
                              std::to_string(connections), "--duration",
                              std::to_string(seconds) + "s", "--latency", std::move(url)});
    const auto code = process.wait_for(std::chrono::seconds(seconds + 30));
    if (code != 0) throw std::runtime_error("wrk failed: " + process.err() + process.out());
    return read_wrk(process.out());
}

Sample read_wrk(const std::string& report)
{
    for (const char* failure : {"Socket errors", "Non-2xx"})
        if (report.find(failure) != report.npos)
            throw std::runtime_error("wrk met with errors: " + report);
    const double rate = std::strtod(after(report, "Requests/sec:").c_str(), nullptr);
    if (!(rate > 0)) throw std::runtime_error("wrk says nothing of requests: " + report);
    const std::string latencies = after(report, "Latency Distribution");
    return {1e9 / rate,
            rate,
            {{"requests_per_s", rate},
             {"latency_p50_ns", nanoseconds(after(latencies, "50%"))},
             {"latency_p99_ns", nanoseconds(after(latencies, "99%"))}}};
}

}  // namespace bench

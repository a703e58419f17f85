// SPDX-License-Identifier: BSL-1.0
#include "demo/catalogue.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <sqlite3.h>

namespace demo {
namespace {

namespace fs = std::filesystem;

using Owners = std::map<std::string, std::string>;

constexpr const char* dpkg_lists = "/var/lib/dpkg/info";
constexpr std::size_t fewest_rows = 1000;

void add(Owners& owners, std::string path, std::string_view package)
{
    std::string& packages = owners[std::move(path)];
    if (!packages.empty()) packages += ", ";
    packages += package;
}

Owners read_dpkg()
{
    std::vector<fs::path> lists;
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(dpkg_lists, none))
        if (entry.path().extension() == ".list") lists.push_back(entry.path());
    std::sort(lists.begin(), lists.end());

    Owners owners;
    for (const fs::path& list : lists) {
        // "libc6:amd64.list" is the list of libc6.
        const std::string stem = list.stem().string();
        const std::string package = stem.substr(0, stem.find(':'));
        std::ifstream lines(list);
        for (std::string line; std::getline(lines, line);) {
            if (line == "/.") line.pop_back();  // the root; a node asks no origin for dots
            if (!line.empty()) add(owners, std::move(line), package);
        }
    }
    return owners;
}

Owners read_sample()
{
    Owners owners;
    std::ifstream lines(GALAXY_DEMO_SAMPLE);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t tab = line.find('\t');
        if (tab != line.npos) owners[line.substr(0, tab)] = line.substr(tab + 1);
    }
    return owners;
}

class Writer {
public:
    explicit Writer(const fs::path& file)
    {
        sqlite3* opened = nullptr;
        sqlite3_open(file.c_str(), &opened);
        connection_.reset(opened);
        run("pragma journal_mode=off");
        run("pragma synchronous=off");
        run("create table origin (key text primary key, value text not null) without rowid");
        run("begin");
        sqlite3_stmt* prepared = nullptr;
        check(sqlite3_prepare_v2(opened, "insert into origin values (?1, ?2)", -1, &prepared,
                                 nullptr));
        insert_.reset(prepared);
    }

    void add(const Row& row)
    {
        bind(1, row.path);
        bind(2, row.packages);
        if (sqlite3_step(insert_.get()) != SQLITE_DONE) check(SQLITE_ERROR);
        check(sqlite3_reset(insert_.get()));
    }

    void commit() { run("commit"); }

private:
    void bind(int index, const std::string& text)
    {
        const int size = static_cast<int>(text.size());
        check(sqlite3_bind_text(insert_.get(), index, text.data(), size, SQLITE_STATIC));
    }

    void run(const char* sql)
    {
        check(sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr));
    }

    void check(int result) const
    {
        if (result != SQLITE_OK)
            throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(connection_.get()));
    }

    std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection_{nullptr, sqlite3_close};
    std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> insert_{nullptr, sqlite3_finalize};
};

}  // namespace

Catalogue read_catalogue()
{
    Owners owners = read_dpkg();
    Catalogue catalogue;
    catalogue.source = std::string(dpkg_lists) + "/*.list";
    if (owners.size() < fewest_rows) {
        owners = read_sample();
        catalogue.source = "the bundled sample";
    }
    if (owners.empty()) throw std::runtime_error("there is neither a dpkg nor the bundled sample");
    for (auto& [path, packages] : owners) catalogue.rows.push_back({path, std::move(packages)});
    return catalogue;
}

void write_database(const Catalogue& catalogue, const fs::path& file)
{
    Writer writer(file);
    for (const Row& row : catalogue.rows) writer.add(row);
    writer.commit();
}

}  // namespace demo

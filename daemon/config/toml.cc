/* The only C++ in the house: toml++ behind a C function. No exception leaves this file.
 */

#include "daemon/config/toml.h"
#include "daemon/config/setting.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <sstream>
#include <string>
#include <toml++/toml.h>
#include <vector>

namespace
{

bool has_nul(const std::string &text)
{
    return text.find('\0') != std::string::npos;
}

bool has_nul_key(const toml::table &table)
{
    return std::any_of(table.cbegin(), table.cend(), [](const auto &entry) {
        return has_nul(std::string(entry.first.str()));
    });
}

/* A list of plain strings, or nothing that a key takes. */
bool read_list(const toml::array &array, std::vector<const char *> &items)
{
    for (const auto &node : array) {
        const auto *text = node.as_string();
        if (text == nullptr || has_nul(text->get()))
            return false;
        items.push_back(text->get().c_str());
    }
    items.push_back(nullptr);
    return true;
}

/* A setting, and what its pointers lead to. */
struct told {
    struct setting value = {};
    std::string name, shown;
    std::vector<const char *> items;
    std::deque<told> owned;
    std::vector<struct setting> entries;
};

using pairs = std::vector<std::pair<const toml::key *, const toml::node *>>;

/* The table is sorted by key; people read from top to bottom, so the first wrong line is told. */
pairs by_line(const toml::table &table)
{
    pairs sorted;
    for (auto it = table.cbegin(); it != table.cend(); ++it)
        sorted.emplace_back(&it->first, &it->second);
    std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) {
        return a.first->source().begin.line < b.first->source().begin.line;
    });
    return sorted;
}

/* INSIDE: within a table already; there is none in one. */
void fill(told &told, const toml::key &key, const toml::node &node, bool inside)
{
    told.name = std::string(key.str());
    setting &setting = told.value;
    setting.key = told.name.c_str();
    setting.line = static_cast<long>(key.source().begin.line);
    if (const auto *text = node.as_string(); text != nullptr && !has_nul(text->get())) {
        setting.kind = SETTING_STRING;
        told.shown = text->get();
    } else if (node.is_integer() || node.is_floating_point()) {
        setting.kind = SETTING_NUMBER;
        std::ostringstream out;
        if (node.is_integer())
            out << node.as_integer()->get();
        else
            out << node.as_floating_point()->get();
        told.shown = out.str();
    } else if (const auto *array = node.as_array();
               array != nullptr && read_list(*array, told.items)) {
        setting.kind = SETTING_LIST;
        setting.items = told.items.data();
    } else if (node.is_table() && !inside && !has_nul_key(*node.as_table())) {
        setting.kind = SETTING_TABLE;
        told.shown = "a table";
        for (const auto &[name, entry] : by_line(*node.as_table())) {
            fill(told.owned.emplace_back(), *name, *entry, true);
            told.entries.push_back(told.owned.back().value);
        }
        setting.entries = told.entries.data();
        setting.entry_count = told.entries.size();
    } else {
        setting.kind = SETTING_OTHER;
        told.shown = node.is_string()    ? "text with a NUL byte"
                     : node.is_boolean() ? (node.as_boolean()->get() ? "true" : "false")
                     : node.is_table()   ? "a table"
                     : node.is_array()   ? "a list of other things"
                                         : "a date or time";
    }
    setting.text = told.shown.c_str();
}

void fault(setting_fault *ret, long line, const char *text)
{
    ret->line = line;
    snprintf(ret->text, sizeof ret->text, "%s", text);
}

setting_found read_settings(const char *text, size_t length, setting_visit *visit,
                            void *owner, setting_fault *ret_fault)
{
    const toml::table whole = toml::parse(std::string_view(text, length));
    const auto at = whole.at_path("tool.sniffer");
    if (!at)
        return SETTINGS_NONE;
    const toml::table *table = at.as_table();
    if (table == nullptr) {
        fault(ret_fault, static_cast<long>(at.node()->source().begin.line),
              "tool.sniffer must be a table: write [tool.sniffer] and the settings below "
              "it");
        return SETTINGS_BROKEN;
    }
    for (const auto &[key, node] : by_line(*table)) {
        told told;
        fill(told, *key, *node, false);
        if (!visit(owner, &told.value))
            break;
    }
    return SETTINGS_FOUND;
}

void tell_each(const toml::node &node, const std::string &path, toml_visit *visit,
               void *owner)
{
    if (const auto *table = node.as_table()) {
        if (!path.empty())
            visit(owner, path.c_str(), nullptr);
        for (auto it = table->cbegin(); it != table->cend(); ++it) {
            const std::string key(it->first.str());
            tell_each(it->second, path.empty() ? key : path + "." + key, visit, owner);
        }
    } else if (const auto *array = node.as_array()) {
        for (const auto &item : *array)
            tell_each(item, path, visit, owner);
    } else {
        const auto *text = node.as_string();
        visit(owner, path.c_str(), text != nullptr ? text->get().c_str() : nullptr);
    }
}

} // namespace

extern "C" bool toml_each(const char *text, toml_visit *visit, void *owner)
{
    try {
        tell_each(toml::parse(std::string_view(text)), "", visit, owner);
        return true;
    } catch (const std::exception &) { /* toml::parse_error is one */
        return false;
    }
}

extern "C" enum setting_found toml_settings(const char *text, size_t length,
                                            setting_visit *visit, void *owner,
                                            struct setting_fault *ret_fault)
{
    try {
        return read_settings(text, length, visit, owner, ret_fault);
    } catch (const toml::parse_error &error) {
        fault(ret_fault, static_cast<long>(error.source().begin.line),
              std::string(error.description()).c_str());
    } catch (const std::exception &error) {
        fault(ret_fault, 0, error.what());
    }
    return SETTINGS_BROKEN;
}

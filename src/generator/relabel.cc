// Rules over a list of labels, one after the other. Labels are few, so they are looked for one by
// one. Runs for each series of a collection, if a receiver has rules.
#include "generator/relabel.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <re2/re2.h>

namespace vivace::generator {
namespace {

constexpr int kGroupsMax = 32;

const std::string* find(const std::vector<Label>& labels, const std::string& name) {
  const auto found = std::ranges::find(labels, name, &Label::first);
  return found == labels.end() ? nullptr : &found->second;
}

void set(std::vector<Label>& labels, const std::string& name, std::string value) {
  const auto found = std::ranges::find(labels, name, &Label::first);
  if (value.empty()) {
    if (found != labels.end()) labels.erase(found);
  } else if (found != labels.end()) {
    found->second = std::move(value);
  } else {
    labels.emplace_back(name, std::move(value));
  }
}

std::string changed_case(std::string text, int (*change)(int)) {
  for (char& c : text) c = static_cast<char>(change(static_cast<unsigned char>(c)));
  return text;
}

// The last eight bytes of the MD5 sum, as Prometheus takes them.
uint64_t hash_of(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), sum.data(), &size, EVP_md5(), nullptr);
  uint64_t out = 0;
  for (size_t i = 8; i < 16; ++i) out = out << 8 | sum[i];
  return out;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

class RelabelRule {
 public:
  explicit RelabelRule(const config::Relabel& spec)
      : spec_(spec), regex_(config::anchored(spec), re2::RE2::Quiet) {}

  Result<void> check() const {
    if (!regex_.ok()) {
      return fail(Code::invalid_argument, fmt::format("regex: {}", regex_.error()));
    }
    if (spec_.action == "hashmod" && spec_.modulus == 0) {
      return fail(Code::invalid_argument, "hashmod needs a modulus");
    }
    return {};
  }

  bool apply(std::vector<Label>& labels) const {
    const std::string& action = spec_.action;
    if (action == "labelmap") return map_names(labels);
    if (action == "labeldrop" || action == "labelkeep") return drop_names(labels);
    const std::string source = source_of(labels);
    if (action == "keep") return matches(source);
    if (action == "drop") return !matches(source);
    if (action == "keepequal") return source == value_of(labels, spec_.target_label);
    if (action == "dropequal") return source != value_of(labels, spec_.target_label);
    if (action == "lowercase") {
      set(labels, spec_.target_label, changed_case(source, std::tolower));
    } else if (action == "uppercase") {
      set(labels, spec_.target_label, changed_case(source, std::toupper));
    } else if (action == "hashmod") {
      set(labels, spec_.target_label, fmt::format("{}", hash_of(source) % spec_.modulus));
    } else {
      replace(labels, source);
    }
    return true;
  }

 private:
  using Groups = std::array<re2::StringPiece, kGroupsMax>;

  static std::string value_of(const std::vector<Label>& labels, const std::string& name) {
    const std::string* const value = find(labels, name);
    return value == nullptr ? "" : *value;
  }

  std::string source_of(const std::vector<Label>& labels) const {
    std::string out;
    for (const std::string& name : spec_.source_labels) {
      if (&name != &spec_.source_labels.front()) out += spec_.separator;
      out += value_of(labels, name);
    }
    return out;
  }

  bool matches(const std::string& text) const { return re2::RE2::FullMatch(text, regex_); }

  bool match(const std::string& text, Groups& groups) const {
    const int count = std::min(regex_.NumberOfCapturingGroups() + 1, kGroupsMax);
    return regex_.Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, groups.data(), count);
  }

  void replace(std::vector<Label>& labels, const std::string& source) const {
    Groups groups;
    if (!match(source, groups)) return;
    const std::string name = expand(spec_.target_label, groups);
    if (name.empty()) return;
    set(labels, name, expand(spec_.replacement, groups));
  }

  bool map_names(std::vector<Label>& labels) const {
    const std::vector<Label> before = labels;
    for (const auto& [name, value] : before) {
      Groups groups;
      if (match(name, groups)) set(labels, expand(spec_.replacement, groups), value);
    }
    return true;
  }

  bool drop_names(std::vector<Label>& labels) const {
    const bool drops = spec_.action == "labeldrop";
    std::erase_if(labels, [&](const Label& label) { return matches(label.first) == drops; });
    return true;
  }

  // $1, ${1}, $name, ${name}, $$: what Go's regexp expands.
  std::string expand(const std::string& text, const Groups& groups) const {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      if (text[at] != '$' || at + 1 == text.size()) {
        out += text[at++];
        continue;
      }
      ++at;
      if (text[at] == '$') {
        out += text[at++];
        continue;
      }
      const bool braces = text[at] == '{';
      size_t end = braces ? at + 1 : at;
      while (end < text.size() && is_word(text[end])) ++end;
      const std::string name = text.substr(braces ? at + 1 : at, end - at - (braces ? 1 : 0));
      if (name.empty() || (braces && (end == text.size() || text[end] != '}'))) {
        out += '$';
        continue;
      }
      at = braces ? end + 1 : end;
      out += group(name, groups);
    }
    return out;
  }

  std::string group(const std::string& name, const Groups& groups) const {
    size_t index = kGroupsMax;
    if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
      if (name.size() <= 2) index = static_cast<size_t>(std::stoi(name));
    } else {
      const auto& names = regex_.NamedCapturingGroups();
      const auto found = names.find(name);
      if (found != names.end()) index = static_cast<size_t>(found->second);
    }
    return index < kGroupsMax ? std::string(groups[index].data(), groups[index].size()) : "";
  }

  const config::Relabel spec_;
  const re2::RE2 regex_;
};

Relabeling::Relabeling() = default;
Relabeling::~Relabeling() = default;

Result<std::unique_ptr<Relabeling>> Relabeling::make(const std::vector<config::Relabel>& rules) {
  std::unique_ptr<Relabeling> out(new Relabeling());
  for (const config::Relabel& spec : rules) {
    auto rule = std::make_unique<RelabelRule>(spec);
    CHECK_OK(rule->check());
    out->rules_.push_back(std::move(rule));
  }
  return out;
}

bool Relabeling::apply(std::vector<Label>& labels) const {
  for (const auto& rule : rules_) {
    if (!rule->apply(labels)) return false;
  }
  std::ranges::sort(labels, {}, &Label::first);
  return !labels.empty();
}

}  // namespace vivace::generator

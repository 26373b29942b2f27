// Values: codes that occur at picked owners, then the texts of those codes; numbers once each. Root
// names are taken at the end of a part, from the root spans of the traces that came up.
#include <algorithm>
#include <bit>
#include <compare>
#include <optional>

#include <fmt/format.h>

#include "query/tags.h"
#include "query/tags_arrays.h"
#include "query/tags_texts.h"
#include "traceql/datum.h"

namespace vivace {
namespace {

constexpr size_t kTagTypes = 5;
constexpr std::string_view kServiceName = "service.name";

ScopeSet set_of(std::initializer_list<Scope> scopes) {
  ScopeSet out;
  for (const Scope scope : scopes) out.set(static_cast<size_t>(scope));
  return out;
}

std::string real_text(uint64_t bits) {
  return datum_text(traceql::datum<double>(std::bit_cast<double>(bits)));
}

class List {
 public:
  explicit List(const TagQuestion& question) : room_(question) {}

  bool full() const { return room_.bytes_full || room_.count == 0; }
  void add_text(TagType type, std::string_view text) {
    texts_[static_cast<size_t>(type)].add(text, room_.count, room_);
  }
  // `bits` of a boolean, integer or real.
  void add_number(TagType type, uint64_t bits) {
    if (full() || !numbers_[static_cast<size_t>(type)].insert(bits).second) return;
    if (type == TagType::boolean) return add_text(type, bits != 0 ? "true" : "false");
    if (type == TagType::real) return add_text(type, real_text(bits));
    add_text(type, fmt::format("{}", static_cast<int64_t>(bits)));
  }

  std::vector<TagValue> take() {
    std::vector<TagValue> out;
    for (size_t i = 0; i < kTagTypes; ++i) {
      const auto type = static_cast<TagType>(i);
      std::vector<std::string> texts = texts_[i].take();
      std::ranges::sort(texts, [&](const std::string& a, const std::string& b) {
        return comes_before(type, a, b);
      });
      for (std::string& text : texts) out.push_back({type, std::move(text)});
    }
    return out;
  }

 private:
  static bool comes_before(TagType type, const std::string& a, const std::string& b) {
    if (type == TagType::integer) return std::stoll(a) < std::stoll(b);
    if (type == TagType::real) return std::strong_order(to_double(a), to_double(b)) < 0;
    return a < b;
  }
  static double to_double(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

  TagRoom room_;
  std::array<DistinctTexts, kTagTypes> texts_;
  std::array<boost::unordered_flat_set<uint64_t>, kTagTypes> numbers_;
};

// The values of one key, at owners of any kind.
class KeyValues {
 public:
  KeyValues(std::string_view key, List& out) : key_(key), out_(out) {}

  Result<void> add(const TagOwners& owners, Inspected& inspected) {
    for (const uint32_t number : columns_of(*owners.part, owners.scope)) {
      const ValueType type = owners.part->column(owners.scope, number).type;
      if (type == ValueType::empty || type == ValueType::bytes || type == ValueType::map) continue;
      Column column =
          TRY(owners.part->read_attribute(owners.scope, number, owners.group, inspected));
      if (is_text(type)) {
        CHECK_OK(codes_.each_text(std::move(column), owners.picked,
                                  [&](std::string_view text) { add_text(type, text); }));
        continue;
      }
      for (ColumnCursor at(column); !at.done() && !out_.full(); at.next()) {
        if (owners.picked.has(at.owner())) add_number(type, at.value());
      }
    }
    return add_overflow(owners, inspected);
  }

  // The columns are those of one part.
  void leave_part() {
    for (auto& columns : columns_) columns.reset();
  }

 private:
  const std::vector<uint32_t>& columns_of(const Part& part, Scope scope) {
    auto& columns = columns_[static_cast<size_t>(scope)];
    if (columns) return *columns;
    columns.emplace();
    for (uint32_t c = 0; c < part.columns(scope); ++c) {
      if (part.column(scope, c).key == key_) columns->push_back(c);
    }
    return *columns;
  }

  void add_text(ValueType type, std::string_view text) {
    if (type == ValueType::string) out_.add_text(TagType::string, text);
    if (type != ValueType::array) return;
    for (const Value& element : array_elements(text)) {
      if (element.type == ValueType::string) out_.add_text(TagType::string, element.text);
      add_number(element.type, element.bits);
    }
  }

  void add_number(ValueType type, uint64_t bits) {
    if (type == ValueType::boolean) out_.add_number(TagType::boolean, bits != 0 ? 1 : 0);
    if (type == ValueType::integer) out_.add_number(TagType::integer, bits);
    if (type == ValueType::real) out_.add_number(TagType::real, bits);
  }

  Result<void> add_overflow(const TagOwners& owners, Inspected& inspected) {
    const Overflow overflow =
        TRY(owners.part->read_overflow(owners.scope, owners.group, inspected));
    const Texts* const names = overflow.keys.texts;
    const Texts* const texts = overflow.values.texts;
    ColumnCursor keys(overflow.keys);
    ColumnCursor types(overflow.types);
    ColumnCursor values(overflow.values);
    for (; !keys.done() && !out_.full(); keys.next(), types.next(), values.next()) {
      if (types.done() || values.done() || names == nullptr || keys.value() >= names->size()) {
        return fail(Code::corrupt, "overflowing attributes do not agree");
      }
      if ((*names)[static_cast<uint32_t>(keys.value())] != key_) continue;
      if (!owners.picked.has(keys.owner())) continue;
      const auto type = static_cast<ValueType>(types.value());
      if (!is_text(type)) {
        add_number(type, values.value());
        continue;
      }
      if (texts == nullptr || values.value() >= texts->size()) {
        return fail(Code::corrupt, "a code beyond its dictionary");
      }
      add_text(type, (*texts)[static_cast<uint32_t>(values.value())]);
    }
    return {};
  }

  const std::string_view key_;
  List& out_;
  std::array<std::optional<std::vector<uint32_t>>, kScopes> columns_;
  SeenCodes codes_;
};

class AttributeValues final : public TagVisitor {
 public:
  AttributeValues(ScopeSet wanted, std::string_view key, List& out)
      : wanted_(wanted), out_(out), values_(key, out) {}
  ScopeSet wanted() const override { return wanted_; }
  bool full() const override { return out_.full(); }
  Result<void> visit(const TagOwners& owners, Inspected& inspected) override {
    return values_.add(owners, inspected);
  }
  Result<void> leave(const Part&, Inspected&) override {
    values_.leave_part();
    return {};
  }

 private:
  const ScopeSet wanted_;
  List& out_;
  KeyValues values_;
};

// A fixed column of texts.
class FieldTexts final : public TagVisitor {
 public:
  FieldTexts(Field field, List& out) : field_(field), out_(out) {}
  ScopeSet wanted() const override { return set_of({info(field_).owner}); }
  bool full() const override { return out_.full(); }
  Result<void> visit(const TagOwners& owners, Inspected& inspected) override {
    Column column = TRY(owners.part->read(field_, owners.group, inspected));
    return codes_.each_text(std::move(column), owners.picked,
                            [&](std::string_view text) { out_.add_text(TagType::string, text); });
  }

 private:
  const Field field_;
  List& out_;
  SeenCodes codes_;
};

// Names of root spans, or of their services, of the traces that picked spans are in. Where a filter
// picks, a trace whose root span lies in another part is looked up there; without one, that part
// has its turn.
class RootTexts final : public TagVisitor {
 public:
  struct Options {
    bool services = false;  // else names
    bool filtered = false;
  };
  RootTexts(Snapshots snapshots, const QueryControl& control, Options options, List& out)
      : snapshots_(snapshots),
        control_(control),
        services_(options.services),
        filtered_(options.filtered),
        out_(out),
        service_names_(kServiceName, out) {}

  ScopeSet wanted() const override { return set_of({Scope::span}); }
  bool takes_whole_parts() const override { return true; }
  bool full() const override { return out_.full(); }

  Result<void> visit(const TagOwners& owners, Inspected& inspected) override {
    const Part& part = *owners.part;
    begin(part);
    if (owners.group == kAllGroups) {
      for (uint32_t t = 0; t < part.traces(); ++t) CHECK_OK(add_trace(part, t, inspected));
      return {};
    }
    const Column traces = TRY(part.read(Field::trace, owners.group, inspected));
    for (ColumnCursor at(traces); !at.done(); at.next()) {
      if (!owners.picked.has(at.owner())) continue;
      CHECK_OK(add_trace(part, static_cast<uint32_t>(at.value()), inspected));
    }
    return {};
  }

  Result<void> leave(const Part& part, Inspected& inspected) override {
    begin(part);
    CHECK_OK(add_roots(part, roots_, inspected));
    roots_ = Picked::none({});
    traces_ = Picked::none({});
    part_ = nullptr;
    return {};
  }

 private:
  void begin(const Part& part) {
    if (part_ == &part) return;
    part_ = &part;
    roots_ = Picked::none({0, part.rows()});
    traces_ = Picked::none({0, part.traces()});
  }

  Result<void> add_trace(const Part& part, uint32_t trace, Inspected& inspected) {
    if (!traces_.add(trace)) return {};
    const TraceEntry entry = TRY(part.trace(trace, inspected));
    if (entry.root) {
      roots_.add(*entry.root);
      return {};
    }
    return filtered_ ? look_elsewhere(part, entry.id, inspected) : Result<void>();
  }

  Result<void> look_elsewhere(const Part& part, const TraceId& id, Inspected& inspected) {
    for (const Snapshot& snapshot : snapshots_) {
      for (const auto& other : snapshot.parts) {
        if (other.get() == &part || out_.full()) continue;
        CHECK_OK(control_.check());
        const auto found = TRY(other->find_trace(id, inspected));
        if (!found) continue;
        const TraceEntry there = TRY(other->trace(*found, inspected));
        if (!there.root) continue;
        Picked root = Picked::none({*there.root, 1});
        root.add(*there.root);
        return add_roots(*other, root, inspected);
      }
    }
    return {};
  }

  int64_t received_after_ns(const Part& part) const {
    for (const Snapshot& snapshot : snapshots_) {
      for (const auto& one : snapshot.parts) {
        if (one.get() == &part) return snapshot.received_after_ns;
      }
    }
    ASSERT(false);
  }

  // What there is to say of these rows.
  Result<void> add_roots(const Part& part, const Picked& roots, Inspected& inspected) {
    Picked resources = Picked::none({0, part.resources()});
    const int64_t received_after = received_after_ns(part);
    for (uint32_t g = part.groups(); g-- > 0 && !out_.full() && roots.any();) {
      const RowGroup group = part.group(g);
      if (group.received_max_ns < received_after) continue;
      if (!any_in(roots, group.rows)) continue;
      Column column = TRY(part.read(services_ ? Field::resource : Field::name, g, inspected));
      if (!services_) {
        CHECK_OK(names_.each_text(std::move(column), roots, [&](std::string_view text) {
          out_.add_text(TagType::string, text);
        }));
        continue;
      }
      for (ColumnCursor at(column); !at.done(); at.next()) {
        if (roots.has(at.owner())) resources.add(static_cast<uint32_t>(at.value()));
      }
    }
    if (!services_ || !resources.any()) return {};
    service_names_.leave_part();
    return service_names_.add({&part, Scope::resource, 0, resources}, inspected);
  }

  static bool any_in(const Picked& picked, Range range) {
    const uint32_t first = std::max(range.first, picked.range().first);
    const uint32_t end = std::min(range.end(), picked.range().end());
    for (uint32_t i = first; i < end; ++i) {
      if (picked.has(i)) return true;
    }
    return false;
  }

  const Snapshots snapshots_;
  const QueryControl& control_;
  const bool services_;
  const bool filtered_;
  List& out_;
  const Part* part_ = nullptr;
  Picked roots_ = Picked::none({});   // rows of the part at hand
  Picked traces_ = Picked::none({});  // ordinals that were looked at
  KeyValues service_names_;
  SeenCodes names_;
};

ScopeSet scopes_of(traceql::Scope scope) {
  switch (scope) {
    case traceql::Scope::any:
      return set_of({Scope::resource, Scope::span, Scope::scope});
    case traceql::Scope::span:
      return set_of({Scope::span});
    case traceql::Scope::resource:
      return set_of({Scope::resource});
    case traceql::Scope::event:
      return set_of({Scope::event});
    case traceql::Scope::link:
      return set_of({Scope::link});
    case traceql::Scope::instrumentation:
      return set_of({Scope::scope});
  }
  ASSERT(false);
}

void add_words(std::initializer_list<std::string_view> words, List& out) {
  for (const std::string_view word : words) out.add_text(TagType::keyword, word);
}

struct Asked {
  Snapshots snapshots;
  const traceql::Attribute& attribute;
  const TagQuestion& question;
  const QueryControl& control;
};

// Null if there is nothing to look for.
std::unique_ptr<TagVisitor> visitor_of(const Asked& asked, List& out) {
  const traceql::Attribute& attribute = asked.attribute;
  using enum traceql::Intrinsic;
  switch (attribute.intrinsic) {
    case none:
      return std::make_unique<AttributeValues>(scopes_of(attribute.scope), attribute.name, out);
    case status:
      add_words({"error", "ok", "unset"}, out);
      return nullptr;
    case kind:
      add_words({"client", "server", "producer", "consumer", "internal", "unspecified"}, out);
      return nullptr;
    case name:
      return std::make_unique<FieldTexts>(Field::name, out);
    case status_message:
      return std::make_unique<FieldTexts>(Field::status_message, out);
    case event_name:
      return std::make_unique<FieldTexts>(Field::event_name, out);
    case instrumentation_name:
      return std::make_unique<FieldTexts>(Field::scope_name, out);
    case instrumentation_version:
      return std::make_unique<FieldTexts>(Field::scope_version, out);
    case root_name:
    case root_service:
      return std::make_unique<RootTexts>(
          asked.snapshots, asked.control,
          RootTexts::Options{.services = attribute.intrinsic == root_service,
                             .filtered = !asked.question.filter.alternatives.empty()},
          out);
    default:
      return nullptr;
  }
}

}  // namespace

std::string_view text_of(TagType type) {
  constexpr std::array<std::string_view, kTagTypes> kTexts = {"string", "int", "float", "bool",
                                                              "keyword"};
  return kTexts[static_cast<size_t>(type)];
}

Result<TagValues> tag_values(Snapshots snapshots, const traceql::Attribute& attribute,
                             const TagQuestion& question, const QueryControl& control) {
  List list(question);
  TagScanned scanned;
  if (const auto visitor = visitor_of({snapshots, attribute, question, control}, list)) {
    scanned = TRY(scan_tags(snapshots, question, control, *visitor));
  }
  return TagValues{
      .values = list.take(), .inspected = scanned.inspected, .damaged = scanned.damaged};
}

}  // namespace vivace

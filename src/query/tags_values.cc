// Values: which owners and columns to look at, for each attribute and intrinsic that has a list;
// and what needs no look at all.
#include <memory>
#include <optional>

#include "query/tags.h"
#include "query/tags_lists.h"
#include "query/tags_roots.h"

namespace vivace {
namespace {

ScopeSet set_of(std::initializer_list<Scope> scopes) {
  ScopeSet out;
  for (const Scope scope : scopes) out.set(static_cast<size_t>(scope));
  return out;
}

class AttributeValues final : public TagVisitor {
 public:
  AttributeValues(ScopeSet wanted, std::string_view key, TagList& out)
      : wanted_(wanted), out_(out), values_(key, out) {}
  ScopeSet wanted() const override { return wanted_; }
  bool full() const override { return out_.full(); }
  Result<void> visit(const TagOwners& owners) override { return values_.add(owners); }
  Result<void> leave(PartColumns&) override {
    values_.leave_part();
    return {};
  }

 private:
  const ScopeSet wanted_;
  TagList& out_;
  KeyValues values_;
};

// A fixed column of texts.
class FieldTexts final : public TagVisitor {
 public:
  FieldTexts(Field field, TagList& out) : field_(field), out_(out) {}
  ScopeSet wanted() const override { return set_of({info(field_).owner}); }
  bool full() const override { return out_.full(); }
  Result<void> visit(const TagOwners& owners) override {
    Column column = TRY(owners.part().read(field_, owners.group, owners.inspected()));
    return codes_.each_text(std::move(column), owners.picked,
                            [&](std::string_view text) { out_.add_text(TagType::string, text); });
  }

 private:
  const Field field_;
  TagList& out_;
  SeenCodes codes_;
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

void add_words(std::initializer_list<std::string_view> words, TagList& out) {
  for (const std::string_view word : words) out.add_text(TagType::keyword, word);
}

struct Asked {
  PartSet& parts;
  const traceql::Attribute& attribute;
  const TagQuestion& question;
  const QueryControl& control;
};

// Null if there is nothing to look for.
std::unique_ptr<TagVisitor> visitor_of(const Asked& asked, TagList& out) {
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
          asked.parts, asked.control,
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
  TagList list(question, control);
  PartSet parts(snapshots, control);
  if (const auto visitor = visitor_of({parts, attribute, question, control}, list)) {
    CHECK_OK(scan_tags(parts, question, control, *visitor));
  }
  return TagValues{
      .values = TRY(list.take()), .inspected = parts.inspected(), .damaged = parts.damaged()};
}

}  // namespace vivace

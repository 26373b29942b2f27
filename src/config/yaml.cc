// Builds the tree of yaml.h from yaml-cpp's events. The events are used instead of yaml-cpp's own
// nodes because those lose duplicate keys and leave merges and alias bombs to the caller. After the
// first mistake the rest of the events is let pass unread (a latched flag instead of an exception
// through the library). yaml-cpp reads from an istream and throws: both end in parse_yaml.
#include "config/yaml.h"

#include <algorithm>
#include <sstream>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace vivace::config {
namespace {

constexpr NodeId kUnfinished = UINT32_MAX;

class Builder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!failed()) finish(add(Node::Kind::null, mark, anchor), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (failed()) return;
    const NodeId id = add(Node::Kind::scalar, mark, anchor);
    costs_[id].values += text_cost(value);
    spend(text_cost(value));
    document_.nodes[id].text = value;
    document_.nodes[id].quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    finish(id, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (failed()) return;
    const NodeId id = anchor < anchors_.size() ? anchors_[anchor] : kUnfinished;
    if (id == kUnfinished) return refuse(line(mark), "an alias must not lie inside its own anchor");
    line_ = line(mark);
    spend(costs_[id].values);
    if (!failed()) place(id);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  // The first mistake counts.
  void refuse(int at, std::string_view what) {
    if (!failed()) error_ = fmt::format("line {}: {}", at, what);
  }

  Result<Document> take() {
    if (failed()) return fail(Code::invalid_argument, std::move(error_));
    if (document_.nodes.empty()) document_.nodes.emplace_back();
    return std::move(document_);
  }

 private:
  // What a walk over a value visits, aliases followed; long texts count more, as they may be
  // copied.
  struct Cost {
    uint32_t values = 1;
    uint32_t height = 1;
  };

  struct Open {
    NodeId id = 0;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    MapEntry entry;               // its key is read, its value awaited
    bool merge = false;           // that key is `<<`
    std::vector<NodeId> sources;  // what `<<` names, first wins
  };

  static int line(const YAML::Mark& mark) { return mark.line + 1; }
  static uint32_t text_cost(std::string_view text) {
    return static_cast<uint32_t>(text.size() / 64);
  }
  bool failed() const { return !error_.empty(); }

  void spend(uint32_t values) {
    if (values > kYamlValuesMax - spent_) {
      return refuse(
          line_, fmt::format("more than {} values, each use of an alias counted", kYamlValuesMax));
    }
    spent_ += values;
  }

  NodeId add(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    line_ = line(mark);
    spend(1);
    const auto id = static_cast<NodeId>(document_.nodes.size());
    Node& node = document_.nodes.emplace_back();
    node.kind = kind;
    node.line = line_;
    costs_.emplace_back();
    if (anchor >= anchors_.size()) anchors_.resize(anchor + 1, kUnfinished);
    anchors_[anchor] = kUnfinished;
    return id;
  }

  void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (failed()) return;
    if (stack_.size() >= kYamlDepthMax) return too_deep(line(mark));
    if (awaits_key()) return refuse(line(mark), "a key must be a plain word, not a list or a map");
    Open& opened = stack_.emplace_back();
    opened.id = add(kind, mark, anchor);
    opened.anchor = anchor;
  }

  void close() {
    if (failed()) return;
    Open done = std::move(stack_.back());
    stack_.pop_back();
    if (!done.sources.empty()) merge(document_.nodes[done.id], done.sources);
    measure(done.id);
    if (!failed()) finish(done.id, done.anchor);
  }

  void finish(NodeId id, YAML::anchor_t anchor) {
    anchors_[anchor] = id;
    if (!failed()) place(id);
  }

  bool awaits_key() const {
    return !stack_.empty() && document_[stack_.back().id].kind == Node::Kind::map &&
           !stack_.back().has_key;
  }

  // Puts a finished value where it belongs: the root, a list, a key or a key's value.
  void place(NodeId id) {
    if (stack_.empty()) {
      document_.root = id;
      return;
    }
    Open& top = stack_.back();
    Node& parent = document_.nodes[top.id];
    if (parent.kind == Node::Kind::list) {
      parent.items.push_back(id);
    } else if (!top.has_key) {
      place_key(top, document_[id]);
    } else if (top.merge) {
      top.has_key = false;
      add_sources(top, id);
    } else {
      top.has_key = false;
      top.entry.value = id;
      parent.entries.push_back(std::move(top.entry));
    }
  }

  void place_key(Open& top, const Node& key) {
    if (key.kind != Node::Kind::scalar) return refuse(line_, "a key must be a plain word");
    top.has_key = true;
    top.merge = !key.quoted && key.text == "<<";
    top.entry.key = key.text;
    top.entry.line = line_;
  }

  void add_sources(Open& top, NodeId id) {
    const Node& value = document_[id];
    if (value.kind == Node::Kind::map) {
      top.sources.push_back(id);
      return;
    }
    if (value.kind != Node::Kind::list) return refuse_merge();
    for (const NodeId item : value.items) {
      if (document_[item].kind != Node::Kind::map) return refuse_merge();
      top.sources.push_back(item);
    }
  }

  void refuse_merge() { refuse(line_, "<< takes a map or a list of maps"); }

  // Bounded: what the sources hold was paid for where their aliases stand.
  void merge(Node& map, const std::vector<NodeId>& sources) {
    std::unordered_set<std::string> known;
    for (const MapEntry& entry : map.entries) known.insert(entry.key);
    for (const NodeId source : sources) {
      for (const MapEntry& entry : document_[source].entries) {
        if (!known.insert(entry.key).second) continue;
        map.entries.push_back(entry);
        map.entries.back().merged = true;
      }
    }
  }

  void measure(NodeId id) {
    const Node& node = document_[id];
    Cost total;
    const auto count = [&](NodeId child) {
      total.values = std::min(kYamlValuesMax + 1, total.values + costs_[child].values);
      total.height = std::max(total.height, costs_[child].height + 1);
    };
    for (const NodeId item : node.items) count(item);
    for (const MapEntry& entry : node.entries) {
      count(entry.value);
      total.values = std::min(kYamlValuesMax + 1, total.values + text_cost(entry.key));
    }
    costs_[id] = total;
    if (total.height > kYamlDepthMax) too_deep(node.line);
  }

  void too_deep(int at) { refuse(at, fmt::format("nested more than {} deep", kYamlDepthMax)); }

  Document document_;
  std::vector<Cost> costs_;      // beside document_.nodes
  std::vector<NodeId> anchors_;  // by yaml-cpp's number; 0 is "no anchor"
  std::vector<Open> stack_;
  std::string error_;
  uint32_t spent_ = 0;
  int line_ = 1;
};

}  // namespace

Result<Document> parse_yaml(const std::string& text) {
  if (text.size() > kYamlBytesMax) {
    return fail(Code::too_large, fmt::format("larger than {} MiB", kYamlBytesMax >> 20));
  }
  Builder builder;
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& e) {
    builder.refuse(std::max(0, e.mark.line) + 1, e.msg);
  } catch (const std::exception& e) {
    builder.refuse(1, e.what());
  }
  return builder.take();
}

}  // namespace vivace::config

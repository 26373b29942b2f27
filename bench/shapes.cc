// The traces that the load consists of: names, attributes and trees like those of a web shop, with
// the share of random bits that real ones have. The order in which random numbers are drawn is part
// of the data: it is the same for ever, or figures of different days could not be compared.
#include <array>
#include <cmath>

#include "workload.h"

namespace vivace::bench {
namespace {

constexpr std::array<const char*, 20> kShop = {
    "frontend",        "cart",           "checkout",     "payment",  "shipping",
    "catalog",         "recommendation", "ads",          "currency", "email",
    "inventory",       "auth",           "user-profile", "pricing",  "search",
    "fraud-detection", "notifications",  "orders",       "ledger",   "gateway"};
constexpr std::array<const char*, 4> kBeyla = {"cameras", "ntfy", "ollama", "immich"};
constexpr std::array<const char*, 4> kBeylaRoutes = {"/api/events", "/api/publish", "/api/generate",
                                                     "/api/assets"};
constexpr std::array<const char*, 4> kVerbs = {"GET", "POST", "PUT", "DELETE"};
constexpr std::array<const char*, 4> kDatabases = {"postgresql", "redis", "mysql", "mongodb"};
constexpr std::array<const char*, 6> kOperations = {"validate",     "serialize", "render",
                                                    "cache.lookup", "compute",   "authorize"};
constexpr int kInternal = 1, kServer = 2, kClient = 3, kProducer = 4, kConsumer = 5;
constexpr int kGateway = 19, kOrders = 17;
constexpr int kError = 2;

int64_t signed_of(uint64_t value) { return static_cast<int64_t>(value); }

// Grows one trace; the spans of others lie before it in the same vector.
class Tree {
 public:
  Tree(Rng& rng, uint32_t trace, std::vector<SpanTemplate>& spans)
      : rng_(rng), trace_(trace), spans_(spans), base_(spans.size()) {}

  void grow_beyla();
  void grow_shop(bool deep);

 private:
  struct Branch {
    int parent;
    int service;
    uint64_t start;
    uint64_t duration;
  };

  size_t size() const { return spans_.size() - base_; }
  // The reference dies with the next `add`.
  SpanTemplate& add(const Branch& at, int kind, std::string name);
  void add_root(uint64_t duration);
  void add_call(const Branch& at);
  void add_database(const Branch& at);
  void add_internal(const Branch& at);
  void add_message(const Branch& at);
  // Picks the span to grow from; false when the chosen one is too short or a leaf.
  enum class Pick : uint8_t { grow, again, stop };
  Pick pick(bool deep, size_t& parent);
  const char* verb() { return kVerbs[rng_.below(4)]; }

  Rng& rng_;
  const uint32_t trace_;
  std::vector<SpanTemplate>& spans_;
  const size_t base_;
  bool bad_ = false;  // a trace in which calls fail
};

SpanTemplate& Tree::add(const Branch& at, int kind, std::string name) {
  SpanTemplate span;
  span.trace = trace_;
  span.parent = at.parent;
  span.service = at.service;
  span.kind = kind;
  span.name = std::move(name);
  span.start_ns = at.start;
  span.duration_ns = at.duration;
  span.index = static_cast<int>(size());
  return spans_.emplace_back(std::move(span));
}

void Tree::grow_beyla() {
  const auto service = static_cast<int>(rng_.below(4));
  const uint64_t duration = 1'000'000 + rng_.below(80'000'000);
  const std::string verb = kVerbs[rng_.below(2)];
  const std::string route = kBeylaRoutes[static_cast<size_t>(service)];
  SpanTemplate& root = add({-1, service, 0, duration}, kServer, verb + " " + route);
  const int code = rng_.below(50) == 0 ? 500 : 200;
  root.texts = {{"http.request.method", verb},
                {"url.path", route},
                {"http.route", route},
                {"client.address", "10.0.0." + std::to_string(rng_.below(40))},
                {"server.address", kBeyla[static_cast<size_t>(service)]}};
  root.numbers = {{"http.response.status_code", code},
                  {"server.port", 8080},
                  {"http.request.body.size", signed_of(rng_.below(5000))}};
  root.status = code == 500 ? kError : 0;
  add({0, service, 0, duration / 10}, kInternal, "in queue");
  add({0, service, duration / 10, duration - duration / 10}, kInternal, "processing");
}

void Tree::grow_shop(bool deep) {
  const size_t target = deep ? 150 + rng_.below(150) : 8 + rng_.below(40);
  bad_ = rng_.below(25) == 0;
  add_root(5'000'000 + static_cast<uint64_t>(std::exp(rng_.unit() * 5) * 8'000'000));
  while (size() < target) {
    size_t parent = 0;
    const Pick picked = pick(deep, parent);
    if (picked == Pick::stop) break;
    if (picked == Pick::again) continue;
    const SpanTemplate& p = spans_[base_ + parent];
    const uint64_t start = p.start_ns + rng_.below(p.duration_ns / 2 + 1);
    const uint64_t duration = 1000 + rng_.below(p.duration_ns / 2 + 1);
    const Branch at{static_cast<int>(parent), p.service, start, duration};
    const uint64_t what = rng_.below(10);
    if (what < 4) {
      add_call(at);
    } else if (what < 7) {
      add_database(at);
    } else if (what < 9) {
      add_internal(at);
    } else {
      add_message(at);
    }
  }
}

Tree::Pick Tree::pick(bool deep, size_t& parent) {
  parent = deep && rng_.below(3) != 0 ? size() - 1 : rng_.below(size());
  if (spans_[base_ + parent].duration_ns < 20'000) {
    if (!deep) return rng_.below(4) == 0 ? Pick::stop : Pick::again;
    parent = rng_.below(size());
    if (spans_[base_ + parent].duration_ns < 4'000) return Pick::again;
  }
  return spans_[base_ + parent].kind == kClient ? Pick::again : Pick::grow;
}

void Tree::add_root(uint64_t duration) {
  const int service = rng_.below(5) == 0 ? kGateway : 0;
  const std::string method = verb();
  const std::string route = std::string("/") + kShop[1 + rng_.below(18)] + "/{id}";
  SpanTemplate& span = add({-1, service, 0, duration}, kServer, method + " " + route);
  const bool browser = rng_.below(2) != 0;
  const std::string host = std::to_string(rng_.below(250));
  const std::string net = std::to_string(rng_.below(200));
  span.texts = {
      {"http.method", method},
      {"http.route", route},
      {"http.scheme", "https"},
      {"http.user_agent", browser ? "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0" : "k6/0.52.0"},
      {"net.peer.ip", "10.1." + net + "." + host}};
  span.numbers = {{"http.status_code", bad_ ? 500 : 200},
                  {"http.response_content_length", signed_of(rng_.below(20000))}};
  span.request_id = true;
  span.item_id = true;
  span.status = bad_ ? kError : 0;
}

// A call to another service: a client span here, a server span there.
void Tree::add_call(const Branch& at) {
  const auto service = static_cast<int>(1 + rng_.below(18));
  const std::string name = kShop[static_cast<size_t>(service)];
  const std::string method = verb();
  const std::string route = "/" + name + (rng_.below(2) != 0 ? "/list" : "/{id}");
  SpanTemplate& client = add(at, kClient, "HTTP " + method);
  client.texts = {{"http.method", method},
                  {"http.url", "http://" + name + ":8080" + route},
                  {"net.peer.name", name},
                  {"peer.service", name}};
  const bool broken = bad_ && rng_.below(3) == 0;
  const int code = broken ? 503 : rng_.below(200) == 0 ? 404 : 200;
  client.numbers = {{"http.status_code", code}, {"net.peer.port", 8080}};
  client.status = broken ? kError : 0;

  const uint64_t delay = at.duration / 20;
  const Branch there{static_cast<int>(size()) - 1, service, at.start + delay,
                     at.duration - at.duration / 10};
  SpanTemplate& server = add(there, kServer, method + " " + route);
  server.texts = {{"http.method", method},
                  {"http.route", route},
                  {"http.scheme", "http"},
                  {"http.flavor", "1.1"}};
  server.numbers = {{"http.status_code", code}};
  server.item_id = true;
  server.status = broken ? kError : 0;
  server.exception = broken;
}

void Tree::add_database(const Branch& at) {
  const size_t database = rng_.below(4);
  const bool redis = database == 1;
  const std::string system = kDatabases[database];
  const std::string table = kShop[static_cast<size_t>(at.service)];
  SpanTemplate& span = add(at, kClient, redis ? "GET" : "SELECT " + table);
  const std::string statement = redis ? "GET " + table + ":?"
                                      : "SELECT id, name, price, updated_at FROM " + table +
                                            " WHERE id = $1 AND deleted_at IS NULL LIMIT " +
                                            std::to_string(10 * (1 + rng_.below(5)));
  span.texts = {{"db.system", system},
                {"db.name", table},
                {"db.operation", redis ? "GET" : "SELECT"},
                {"db.statement", statement},
                {"net.peer.name", system + "-0." + system + ".prod.svc.cluster.local"}};
  span.numbers = {{"net.peer.port", 5432}, {"db.rows", signed_of(rng_.below(100))}};
}

void Tree::add_internal(const Branch& at) {
  SpanTemplate& span = add(at, kInternal, kOperations[rng_.below(6)]);
  const std::string worker = "worker-" + std::to_string(rng_.below(16));
  span.texts = {{"thread.name", worker}, {"code.function", kOperations[rng_.below(6)]}};
  span.numbers = {{"items.count", signed_of(rng_.below(50))}};
}

void Tree::add_message(const Branch& at) {
  SpanTemplate& sent = add(at, kProducer, "orders send");
  sent.texts = {{"messaging.system", "kafka"}, {"messaging.destination", "orders"}};
  sent.numbers = {{"messaging.kafka.partition", signed_of(rng_.below(12))}};
  const Branch there{static_cast<int>(size()) - 1, kOrders, at.start + at.duration, at.duration};
  SpanTemplate& received = add(there, kConsumer, "orders receive");
  received.texts = {{"messaging.system", "kafka"}, {"messaging.destination", "orders"}};
  received.link = true;
}

}  // namespace

Shape shape_of(std::string_view name) {
  if (name == "deep") return Shape::deep;
  return name == "beyla" ? Shape::beyla : Shape::shop;
}

std::string_view name_of(Shape shape) {
  if (shape == Shape::deep) return "deep";
  return shape == Shape::beyla ? "beyla" : "shop";
}

int service_count(Shape shape) {
  return static_cast<int>(shape == Shape::beyla ? kBeyla.size() : kShop.size());
}

std::string_view service_name(Shape shape, int service) {
  const auto i = static_cast<size_t>(service);
  return shape == Shape::beyla ? kBeyla[i] : kShop[i];
}

void build_trace(Rng& rng, uint32_t trace, Shape shape, std::vector<SpanTemplate>& spans) {
  Tree tree(rng, trace, spans);
  if (shape == Shape::beyla) {
    tree.grow_beyla();
  } else {
    tree.grow_shop(shape == Shape::deep);
  }
}

}  // namespace vivace::bench

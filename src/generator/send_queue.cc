// The rules of the header, one function each. Whatever happens to a body, its samples are counted
// once: as sent, failed or dropped.
#include "generator/send_queue.h"

#include <algorithm>
#include <limits>

#include "base/log.h"

namespace vivace::generator {
namespace {

constexpr int kSplitsMax = 64;          // of a stage: one bad series of 2,000 takes eleven
constexpr uint32_t kSuspectAfter = 5;   // answers of 500
constexpr uint32_t kRefusedAfter = 15;  // of them, when there are no splits left

}  // namespace

SendQueue::SendQueue(const SendOptions& options, Metrics& metrics, const Labels& labels)
    : options_(options), scope_(metrics), metrics_(scope_, labels) {
  metrics_.shards_max.Set(static_cast<double>(options_.max_shards));
  metrics_.shards_min.Set(static_cast<double>(options_.min_shards));
  metrics_.is_up.Set(1);
}

void SendQueue::set_bytes_max(int64_t bytes_max) {
  options_.bytes_max = bytes_max;
  make_room();
  update();
}

void SendQueue::push(Round round) {
  if (!round.values.empty()) {
    metrics_.highest_s.Set(static_cast<double>(round.values.front().time_ms) / 1e3);
  }
  add_stage(std::move(round.zeros));
  add_stage(std::move(round.values));
  make_room();
  update();
}

void SendQueue::add_stage(std::vector<WriteBody> bodies) {
  if (bodies.empty()) return;
  Stage& stage = stages_.emplace_back();
  stage.splits_left = kSplitsMax;
  stage.is_zeros = bodies.front().is_zeros;
  for (WriteBody& body : bodies) {
    bytes_ += static_cast<int64_t>(body.packed.size());
    samples_ += body.samples;
    stage.waiting.push_back(std::move(body));
  }
}

void SendQueue::drop(const WriteBody& body, Counter& counter) {
  samples_ -= body.samples;
  counter.Increment(body.samples);
}

// The oldest first; what is on its way stays, and so does the newest, which nobody has had a chance
// to send yet.
void SendQueue::make_room() {
  for (Stage& stage : stages_) {
    if (&stage == &stages_.back()) break;
    while (bytes_ > options_.bytes_max && !stage.waiting.empty()) {
      bytes_ -= static_cast<int64_t>(stage.waiting.front().packed.size());
      drop(stage.waiting.front(), metrics_.samples_dropped);
      stage.waiting.pop_front();
    }
    if (bytes_ <= options_.bytes_max) break;
  }
  std::erase_if(stages_, [this](const Stage& stage) {
    return stage.waiting.empty() && (&stage != &stages_.front() || in_flight_.empty());
  });
}

void SendQueue::end_stages() {
  while (!stages_.empty() && stages_.front().waiting.empty() && in_flight_.empty()) {
    if (!stages_.front().is_zeros) {
      refusing_ = stages_.front().was_refused;
      has_sick_ = has_sick_ && refusing_;
    }
    stages_.pop_front();
  }
}

// A queue that is behind may use more requests at once.
int64_t SendQueue::shards() const {
  if (!up_) return 1;  // a probe
  const auto behind = static_cast<int64_t>(stages_.size() / 2);
  return std::clamp(options_.min_shards << std::min<int64_t>(behind, 16), options_.min_shards,
                    std::max(options_.min_shards, options_.max_shards));
}

std::optional<SendQueue::Request> SendQueue::next(int64_t now_ns, int64_t unix_ns) {
  show_age(unix_ns);
  if (now_ns < pause_until_ns_) return std::nullopt;
  while (true) {
    end_stages();
    if (stages_.empty() || stages_.front().waiting.empty() ||
        static_cast<int64_t>(in_flight_.size()) >= shards()) {
      return std::nullopt;
    }
    if (auto proof = next_proof()) return proof;
    WriteBody body = std::move(stages_.front().waiting.front());
    stages_.front().waiting.pop_front();
    bytes_ -= static_cast<int64_t>(body.packed.size());
    const int64_t age_ns = unix_ns - body.time_ms * 1'000'000;
    if (options_.sample_age_limit_ns > 0 && age_ns > options_.sample_age_limit_ns) {
      drop(body, metrics_.samples_dropped);
      continue;
    }
    const uint64_t id = next_id_++;
    const auto at = in_flight_.emplace(id, std::move(body)).first;
    update();
    return Request{id, &at->second};
  }
}

void SendQueue::answered(uint64_t id, const SendAnswer& answer, int64_t now_ns) {
  const auto found = in_flight_.find(id);
  ASSERT(found != in_flight_.end());
  WriteBody body = std::move(found->second);
  in_flight_.erase(found);
  metrics_.batch_seconds.Observe(answer.seconds);
  if (id == proof_id_) {
    proof_answered(std::move(body), answer, now_ns);
  } else if (answer.status / 100 == 2) {
    taken(id, std::move(body), answer);
  } else if (is_failure(answer)) {
    failed(std::move(body), answer, now_ns);
  } else {
    backoff_ns_ = 0;
    refused(body, answer);
  }
  end_stages();
  update();
}

bool SendQueue::is_failure(const SendAnswer& answer) const {
  return answer.status == 0 || answer.status / 100 == 5 ||
         (answer.status == 429 && options_.retry_on_http_429);
}

void SendQueue::taken(uint64_t id, WriteBody body, const SendAnswer& answer) {
  samples_ -= body.samples;
  metrics_.samples.Increment(body.samples - body.histograms);
  metrics_.histograms.Increment(body.histograms);
  metrics_.exemplars.Increment(body.exemplars);
  metrics_.bytes.Increment(static_cast<double>(body.packed.size()));
  if (!body.is_zeros) {
    metrics_.highest_sent_s.Set(static_cast<double>(body.time_ms) / 1e3);
  }
  Stage& stage = stages_.front();
  stage.taken_id = std::max(stage.taken_id, id);
  if (!stage.proof) stage.proof = std::move(body);
  backoff_ns_ = 0;
  tell(true, answer);
}

void SendQueue::failed(WriteBody body, const SendAnswer& answer, int64_t now_ns) {
  Stage& stage = stages_.front();
  stage.asked_proof = false;
  if (stage.proof && stage.proof->samples > 1) stage.proof = one_of_body(*stage.proof, 0);
  const bool is_ill = stage.taken_id < body.failed_then;  // for all that is known
  body.failed_then = next_id_;
  if (is_suspect(body, answer)) {
    retry_suspect(std::move(body), answer, is_ill, now_ns);
  } else {
    retry(std::move(body), answer, now_ns);
  }
}

void SendQueue::retry(WriteBody body, const SendAnswer& answer, int64_t now_ns) {
  tell(false, answer);
  note_error(answer);
  ++body.attempts;
  metrics_.samples_retried.Increment(body.samples);
  metrics_.exemplars_retried.Increment(body.exemplars);
  pause(answer, now_ns);
  bytes_ += static_cast<int64_t>(body.packed.size());
  stages_.front().waiting.push_front(std::move(body));
  make_room();
}

void SendQueue::pause(const SendAnswer& answer, int64_t now_ns) {
  backoff_ns_ = std::clamp(backoff_ns_ * 2, options_.min_backoff_ns, options_.max_backoff_ns);
  pause_until_ns_ = std::max(
      pause_until_ns_, now_ns + (answer.retry_after_ns > 0 ? answer.retry_after_ns : backoff_ns_));
}

bool SendQueue::is_suspect(const WriteBody& body, const SendAnswer& answer) const {
  return answer.status == 500 && body.attempts + 1 >= (has_sick_ ? 1 : kSuspectAfter);
}

// It goes to the end, so that what the others get tells whether it is the receiver's fault.
void SendQueue::retry_suspect(WriteBody body, const SendAnswer& answer, bool is_ill,
                              int64_t now_ns) {
  Stage& stage = stages_.front();
  note_error(answer);
  ++body.attempts;
  if (!is_ill) backoff_ns_ = 0;
  pause(answer, now_ns);
  const bool may_split = body.samples > 1 && stage.splits_left > 0;
  const bool is_last_try = body.attempts >= kRefusedAfter;
  const bool is_sick = !is_ill && !may_split && (body.samples == 1 || is_last_try);
  // Values do without zeros.
  const bool is_needless = !is_ill && body.is_zeros && (is_last_try || has_sick_);
  if (is_sick || is_needless) {
    has_sick_ = has_sick_ || is_sick;
    backoff_ns_ = 0;
    return drop_refused(body, answer);
  }
  metrics_.is_up.Set(0);
  metrics_.samples_retried.Increment(body.samples);
  metrics_.exemplars_retried.Increment(body.exemplars);
  std::vector<WriteBody> parts;
  if (may_split) {
    --stage.splits_left;
    auto [first, second] = split_body(body);
    first.attempts = second.attempts = body.attempts;
    first.failed_then = second.failed_then = body.failed_then;
    parts.push_back(std::move(first));
    parts.push_back(std::move(second));
  } else {
    parts.push_back(std::move(body));
  }
  for (WriteBody& part : parts) {
    bytes_ += static_cast<int64_t>(part.packed.size());
    stage.waiting.push_back(std::move(part));
  }
  make_room();
}

// What waits may be bad, or the receiver ill. A proof and what waits are asked by turns, so that a
// receiver that does not like the proof holds nothing up either once it takes the rest.
std::optional<SendQueue::Request> SendQueue::next_proof() {
  Stage& stage = stages_.front();
  const auto is_no_news = [&](const WriteBody& body) {
    return body.attempts >= (has_sick_ ? 1 : kSuspectAfter) && body.failed_then > stage.taken_id;
  };
  if (stage.asked_proof || !in_flight_.empty()) return std::nullopt;
  if (!std::ranges::all_of(stage.waiting, is_no_news)) return std::nullopt;
  stage.asked_proof = true;
  std::optional<WriteBody> proof = make_proof();
  if (!proof) return std::nullopt;
  proof_id_ = next_id_++;
  const auto at = in_flight_.emplace(proof_id_, std::move(*proof)).first;
  update();
  return Request{proof_id_, &at->second};
}

std::optional<WriteBody> SendQueue::make_proof() {
  Stage& stage = stages_.front();
  if (stage.proof || !stage.is_zeros) return stage.proof;
  if (stages_.size() < 2 || stages_[1].is_zeros) return std::nullopt;
  const WriteBody& values = stages_[1].waiting.front();
  return one_of_body(values, stage.proofs++ % values.samples);  // one may be bad itself
}

void SendQueue::proof_answered(WriteBody proof, const SendAnswer& answer, int64_t now_ns) {
  if (is_failure(answer) || answer.status == 429) {
    tell(false, answer);
    note_error(answer);
    return pause(answer, now_ns);
  }
  Stage& stage = stages_.front();
  stage.taken_id = proof_id_;
  backoff_ns_ = 0;
  if (answer.status / 100 != 2) return;  // it says that it had it before
  tell(true, answer);
  stage.proof = std::move(proof);
}

// One bad series must not cost the others that it travels with.
void SendQueue::refused(const WriteBody& body, const SendAnswer& answer) {
  Stage& stage = stages_.front();
  const bool may_be_one = answer.status == 400 || answer.status == 413;
  if (may_be_one && body.samples > 1 && stage.splits_left > 0) {
    --stage.splits_left;
    auto [first, second] = split_body(body);
    for (WriteBody* half : {&second, &first}) {
      bytes_ += static_cast<int64_t>(half->packed.size());
      stage.waiting.push_front(std::move(*half));
    }
    return;
  }
  drop_refused(body, answer);
}

void SendQueue::drop_refused(const WriteBody& body, const SendAnswer& answer) {
  if (body.is_zeros) return drop(body, metrics_.samples_dropped);  // the series was known already
  drop(body, metrics_.samples_failed);
  metrics_.exemplars_failed.Increment(body.exemplars);
  metrics_.is_up.Set(0);
  note_error(answer);
  stages_.front().was_refused = true;
  if (std::exchange(refusing_, true)) return;
  log::error("remote write: samples refused", {{"remote_name", options_.name},
                                               {"status", answer.status},
                                               {"samples", body.samples},
                                               {"err", answer.message}});
}

void SendQueue::tell(bool up, const SendAnswer& answer) {
  metrics_.is_up.Set(up ? 1 : 0);
  if (std::exchange(up_, up) == up) return;
  if (up) {
    log::info("remote write: the receiver answers again",
              {{"remote_name", options_.name}, {"pending_samples", samples_}});
  } else {
    log::warn("remote write: failing, will be retried",
              {{"remote_name", options_.name}, {"status", answer.status}, {"err", answer.message}});
  }
}

int64_t SendQueue::ready_ns() const {
  constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  if (stages_.empty() || stages_.front().waiting.empty()) return kNever;
  return static_cast<int64_t>(in_flight_.size()) < shards() ? pause_until_ns_ : kNever;
}

void SendQueue::give_up() {
  for (const Stage& stage : stages_) {
    for (const WriteBody& body : stage.waiting) drop(body, metrics_.samples_dropped);
  }
  for (const auto& [id, body] : in_flight_) {
    if (id != proof_id_) drop(body, metrics_.samples_dropped);
  }
  stages_.clear();
  in_flight_.clear();
  bytes_ = 0;
  update();
}

void SendQueue::note_error(const SendAnswer& answer) {
  metrics_.error_status.Set(answer.status);
  metrics_.error_time_s.Set(static_cast<double>(answer.unix_ns) / 1e9);
}

// Zeros belong to the minute before, and say nothing of how long something has waited.
void SendQueue::show_age(int64_t unix_ns) {
  int64_t oldest_ms = unix_ns / 1'000'000;
  const auto note = [&](const WriteBody& body) {
    if (!body.is_zeros) oldest_ms = std::min(oldest_ms, body.time_ms);
  };
  for (const auto& [id, body] : in_flight_) note(body);
  for (const Stage& stage : stages_) {
    if (stage.waiting.empty()) continue;
    note(stage.waiting.front());
    if (!stage.waiting.front().is_zeros) break;
  }
  const int64_t now_ms = unix_ns / 1'000'000;
  metrics_.oldest_s.Set(static_cast<double>(now_ms - oldest_ms) / 1e3);
}

void SendQueue::update() {
  metrics_.pending.Set(static_cast<double>(samples_));
  metrics_.pending_bytes.Set(static_cast<double>(bytes_));
  metrics_.shards.Set(static_cast<double>(in_flight_.size()));
  metrics_.shards_desired.Set(static_cast<double>(shards()));
}

}  // namespace vivace::generator

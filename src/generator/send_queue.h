// What waits to be sent to one receiver for one tenant, and what is done about its answers. No
// threads and no sockets in here: whoever drives it asks for requests and tells their answers.
//
//   round 7: zeros | values | round 8: zeros | values ...        a *stage* each
//
// Bodies of one stage hold different series and may travel at once; a stage begins when the one
// before it is over, so that the samples of a series never overtake each other.
//
//   2xx                        done
//   no answer, 5xx, 429        again, after a pause that doubles (or as Retry-After says), for ever
//   400, 413 with many series  halves, down to the one series that is refused, within a budget
//   other                      dropped and counted
//
// A receiver may answer 500 to a series that it will never take (Prometheus 2 does, to labels that
// it does not like), and nothing may wait behind that for ever. After some 500 a body goes on in
// halves, and what fails again although something was sent and taken since counts as refused.
// While nothing is taken the receiver is ill, and nothing is lost. When all that waits of a stage
// has failed since, a *proof* tells the one from the other: one sample of what the stage took, sent
// once more. That harms nobody: what an answer got lost for is sent twice too. For zeros of which
// none was taken it is one sample of the values to come; they can do without zeros.
//
// When more bytes wait than may, the oldest rounds go first: counters are cumulative, so that what
// comes later makes up for them. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "generator/round_writer.h"
#include "generator/send_metrics.h"

namespace vivace::generator {

struct SendOptions {
  std::string name;  // of the receiver; for logs
  int64_t bytes_max = 16 << 20;
  int64_t min_shards = 1;  // requests at once; more when rounds wait
  int64_t max_shards = 50;
  int64_t min_backoff_ns = 30'000'000;
  int64_t max_backoff_ns = 5'000'000'000;
  bool retry_on_http_429 = true;
  int64_t sample_age_limit_ns = 0;  // 0: none
};

struct SendAnswer {
  int status = 0;  // 0: there was no answer
  int64_t retry_after_ns = 0;
  std::string message;
  double seconds = 0;
  int64_t unix_ns = 0;  // when it came
};

class SendQueue {
 public:
  SendQueue(const SendOptions& options, Metrics& metrics, const Labels& labels);

  void push(Round round);
  // From now on; the oldest rounds go if more waits.
  void set_bytes_max(int64_t bytes_max);

  struct Request {
    uint64_t id = 0;
    const WriteBody* body = nullptr;  // until its answer is told
  };
  // `now_ns` is a steady clock's, `unix_ns` the calendar's.
  std::optional<Request> next(int64_t now_ns, int64_t unix_ns);
  void answered(uint64_t id, const SendAnswer& answer, int64_t now_ns);

  // When `next` may have something, by the steady clock; INT64_MAX: only after an answer or a push.
  int64_t ready_ns() const;
  bool is_empty() const { return stages_.empty(); }
  // What waits is dropped and counted.
  void give_up();

 private:
  struct Stage {
    std::deque<WriteBody> waiting;
    int splits_left = 0;
    bool is_zeros = false;
    bool was_refused = false;        // something of it
    bool asked_proof = false;        // since something of it failed
    uint64_t taken_id = 0;           // its newest request that was taken, or a proof
    std::optional<WriteBody> proof;  // a copy of something that was taken, or a part
    uint32_t proofs = 0;             // that were made of what is not taken yet
  };

  void add_stage(std::vector<WriteBody> bodies);
  void drop(const WriteBody& body, Counter& counter);
  void make_room();
  void end_stages();
  bool is_failure(const SendAnswer& answer) const;
  void taken(uint64_t id, WriteBody body, const SendAnswer& answer);
  void failed(WriteBody body, const SendAnswer& answer, int64_t now_ns);
  void refused(const WriteBody& body, const SendAnswer& answer);
  void drop_refused(const WriteBody& body, const SendAnswer& answer);
  void retry(WriteBody body, const SendAnswer& answer, int64_t now_ns);
  bool is_suspect(const WriteBody& body, const SendAnswer& answer) const;
  void retry_suspect(WriteBody body, const SendAnswer& answer, bool is_ill, int64_t now_ns);
  std::optional<Request> next_proof();
  std::optional<WriteBody> make_proof();
  void proof_answered(WriteBody proof, const SendAnswer& answer, int64_t now_ns);
  void pause(const SendAnswer& answer, int64_t now_ns);
  void tell(bool up, const SendAnswer& answer);
  void note_error(const SendAnswer& answer);
  void show_age(int64_t unix_ns);
  void update();
  int64_t shards() const;

  SendOptions options_;
  MetricsScope scope_;
  SendMetrics metrics_;                      // in scope_
  std::deque<Stage> stages_;                 // the first is being sent
  std::map<uint64_t, WriteBody> in_flight_;  // of the first stage
  uint64_t next_id_ = 1;
  uint64_t proof_id_ = 0;  // of the last proof; its samples count nowhere
  int64_t pause_until_ns_ = 0;
  int64_t backoff_ns_ = 0;
  int64_t bytes_ = 0;    // that wait
  int64_t samples_ = 0;  // that wait or are on their way
  bool up_ = true;
  bool refusing_ = false;  // something of the last round was refused
  bool has_sick_ = false;  // likewise, by answers of 500
};

}  // namespace vivace::generator

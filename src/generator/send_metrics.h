// What is told of the way to one receiver for one tenant: Prometheus' names for its own sender, so
// that dashboards of remote write fit, and some that it does not have.
#pragma once

#include "base/metrics.h"

namespace vivace::generator {

struct SendMetrics {
  SendMetrics(MetricsScope& metrics, const Labels& labels);
  Counter& samples;
  Counter& samples_failed;
  Counter& samples_retried;
  Counter& samples_dropped;  // for want of room or by age
  Counter& histograms;
  Counter& exemplars;
  Counter& exemplars_failed;
  Counter& exemplars_retried;
  Counter& bytes;
  Gauge& pending;
  Gauge& pending_bytes;
  Gauge& shards;
  Gauge& shards_max;
  Gauge& shards_min;
  Gauge& shards_desired;
  Gauge& highest_s;       // newest sample that was made
  Gauge& highest_sent_s;  // newest sample that arrived
  Gauge& is_up;           // whether the last answer was a good one
  Gauge& oldest_s;        // age of the oldest sample that waits, but for zeros
  Gauge& error_status;    // of the last answer that was not a good one; 0: there was no answer
  Gauge& error_time_s;    // when that was; 0: never
  Histogram& batch_seconds;
};

}  // namespace vivace::generator

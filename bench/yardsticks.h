// What this machine can do at best, measured in the same run as the server, on the same bytes: a
// figure without its yardstick says as much about the machine and its neighbours as about us.
#pragma once

#include <cstdint>
#include <string>

#include "workload.h"

namespace vivace::bench {

// Nanoseconds a span to walk the requests of the first `traces` traces with protozero, every field
// looked at, nothing kept. One thread.
double walk_ns_per_span(const Workload& workload, uint64_t traces);

struct WriteYardstick {
  double us_per_chunk = 0;  // write and fdatasync of 128 KiB, appended to a new file
  double us_per_span = 0;
};

// The same requests written to a file in `folder`, up to 1,000 chunks of 128 KiB, synced each.
WriteYardstick write_and_sync(const Workload& workload, uint64_t traces, const std::string& folder);

struct PackYardstick {
  double bytes_per_span = 0;
  double ns_per_span = 0;
};

// The same requests, up to 64 MiB of them, under zstd level 1 in pieces of 1 MiB: what a log of
// packed bodies would take.
PackYardstick pack_with_zstd(const Workload& workload, uint64_t traces);

// Nanoseconds a span to inflate the same requests, gzipped, with zlib; up to 64 MiB of them.
double inflate_ns_per_span(const Workload& workload, uint64_t traces);

// Nanoseconds a value to find how many of so many 32-bit numbers equal one: the least that a scan
// of a column of codes must do.
double scan_ns_per_value(uint64_t values);

// Nanoseconds a value to count how often each of 1,000 codes comes among so many.
double count_ns_per_value(uint64_t values);

}  // namespace vivace::bench

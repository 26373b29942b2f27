// The walk is the least that any receiver of OTLP must do; the write is the least that any durable
// one must do, when each 128 KiB get a sync of their own.
#include "yardsticks.h"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#include <vector>
#include <zlib.h>
#include <zstd.h>

#include <protozero/pbf_reader.hpp>

#include "base/result.h"
#include "load.h"

namespace vivace::bench {
namespace {

using protozero::pbf_reader;
using Steady = std::chrono::steady_clock;

constexpr size_t kChunkBytes = 128 << 10;
constexpr int kChunksMax = 1000;
constexpr size_t kPackBytes = 1 << 20;
constexpr size_t kPackedBytesMax = 64 << 20;
constexpr uint64_t kAnyTime = 1'767'225'600'000'000'000;

double ns_since(Steady::time_point start) {
  return std::chrono::duration<double, std::nano>(Steady::now() - start).count();
}

uint64_t walk_key_value(pbf_reader attribute) {
  uint64_t sum = 0;
  while (attribute.next()) {
    if (attribute.tag() == 1) {
      sum += attribute.get_view().size();
      continue;
    }
    pbf_reader value(attribute.get_view());
    while (value.next()) {
      if (value.wire_type() == protozero::pbf_wire_type::length_delimited) {
        sum += value.get_view().size();
      } else {
        sum += value.get_uint64();
      }
    }
  }
  return sum;
}

uint64_t walk_span(pbf_reader span) {
  uint64_t sum = 0;
  while (span.next()) {
    if (span.tag() == 9) {
      sum += walk_key_value(span.get_message());
    } else if (span.wire_type() == protozero::pbf_wire_type::length_delimited) {
      sum += span.get_view().size();
    } else if (span.wire_type() == protozero::pbf_wire_type::fixed64) {
      sum += span.get_fixed64();
    } else {
      sum += span.get_uint64();
    }
  }
  return sum;
}

uint64_t walk_request(const std::string& bytes) {
  uint64_t sum = 0;
  pbf_reader request(bytes);
  while (request.next(1)) {
    pbf_reader resource_spans = request.get_message();
    while (resource_spans.next()) {
      if (resource_spans.tag() == 1) {
        pbf_reader resource = resource_spans.get_message();
        while (resource.next(1)) sum += walk_key_value(resource.get_message());
        continue;
      }
      pbf_reader scope_spans = resource_spans.get_message();
      while (scope_spans.next(2)) sum += walk_span(scope_spans.get_message());
    }
  }
  return sum;
}

// A file that is removed when it goes out of scope.
class ScratchFile {
 public:
  explicit ScratchFile(std::string path)
      : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644)) {
    ASSERT(fd_ >= 0);
  }
  ~ScratchFile() {
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void write_and_sync(std::string_view bytes) const {
    ASSERT(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    ASSERT(::fdatasync(fd_) == 0);
  }

 private:
  const std::string path_;
  const int fd_;
};

}  // namespace

double walk_ns_per_span(const Workload& workload, uint64_t traces) {
  double ns = 0;
  uint64_t spans = 0, sum = 0;
  for (uint64_t first = 0; first < traces; first += workload.options().batch) {
    for (const RequestTemplate& request : workload.requests(first)) {
      const std::string bytes = workload.fill(request, first, kAnyTime);
      const Steady::time_point start = Steady::now();
      sum += walk_request(bytes);
      ns += ns_since(start);
      spans += request.spans;
    }
  }
  ASSERT(sum != 0);  // and so the walk cannot be left out
  return ns / static_cast<double>(spans);
}

WriteYardstick write_and_sync(const Workload& workload, uint64_t traces,
                              const std::string& folder) {
  const ScratchFile file(folder + "/write_yardstick");
  double ns = 0, spans = 0;
  int chunks = 0;
  std::string waiting;
  for (uint64_t first = 0; first < traces && chunks < kChunksMax;
       first += workload.options().batch) {
    for (const RequestTemplate& request : workload.requests(first)) {
      waiting += request.bytes;
      spans += request.spans;
    }
    while (waiting.size() >= kChunkBytes) {
      const Steady::time_point start = Steady::now();
      file.write_and_sync(std::string_view(waiting).substr(0, kChunkBytes));
      ns += ns_since(start);
      ++chunks;
      waiting.erase(0, kChunkBytes);
    }
  }
  return {chunks == 0 ? 0 : ns / 1e3 / chunks, ns / 1e3 / spans};
}

PackYardstick pack_with_zstd(const Workload& workload, uint64_t traces) {
  std::string waiting, packed(ZSTD_compressBound(kPackBytes), '\0');
  double ns = 0, spans = 0, all_bytes = 0, packed_from = 0, packed_bytes = 0;
  for (uint64_t first = 0; first < traces && packed_from < kPackedBytesMax;
       first += workload.options().batch) {
    for (const RequestTemplate& request : workload.requests(first)) {
      waiting += workload.fill(request, first, kAnyTime);
      all_bytes += static_cast<double>(request.bytes.size());
      spans += request.spans;
    }
    while (waiting.size() >= kPackBytes) {
      const Steady::time_point start = Steady::now();
      const size_t size =
          ZSTD_compress(packed.data(), packed.size(), waiting.data(), kPackBytes, 1);
      ns += ns_since(start);
      ASSERT(ZSTD_isError(size) == 0);
      packed_bytes += static_cast<double>(size);
      packed_from += kPackBytes;
      waiting.erase(0, kPackBytes);
    }
  }
  if (packed_from == 0) return {};
  const double packed_spans = spans * packed_from / all_bytes;
  return {packed_bytes / packed_spans, ns / packed_spans};
}

double inflate_ns_per_span(const Workload& workload, uint64_t traces) {
  double ns = 0, spans = 0;
  size_t inflated = 0;
  for (uint64_t first = 0; first < traces && inflated < kPackedBytesMax;
       first += workload.options().batch) {
    for (const RequestTemplate& request : workload.requests(first)) {
      std::string packed = gzip(workload.fill(request, first, kAnyTime));
      std::string out(request.bytes.size(), '\0');
      const Steady::time_point start = Steady::now();
      z_stream stream{};
      ASSERT(inflateInit2(&stream, 31) == Z_OK);
      stream.next_in = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_in = static_cast<uInt>(packed.size());
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      ASSERT(inflate(&stream, Z_FINISH) == Z_STREAM_END);
      inflateEnd(&stream);
      ns += ns_since(start);
      spans += request.spans;
      inflated += out.size();
    }
  }
  return ns / spans;
}

double scan_ns_per_value(uint64_t values) {
  std::vector<uint32_t> codes(values);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint32_t>(mix(i) % 1000);
  const Steady::time_point start = Steady::now();
  uint64_t found = 0;
  for (const uint32_t code : codes) found += code == 7;
  const double ns = ns_since(start);
  ASSERT(found <= values);
  return ns / static_cast<double>(std::max<uint64_t>(values, 1));
}

double count_ns_per_value(uint64_t values) {
  std::vector<uint32_t> codes(values);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint32_t>(mix(i) % 1000);
  std::vector<uint64_t> counts(1000);
  const Steady::time_point start = Steady::now();
  for (const uint32_t code : codes) ++counts[code];
  const double ns = ns_since(start);
  ASSERT(counts[7] <= values);
  return ns / static_cast<double>(std::max<uint64_t>(values, 1));
}

}  // namespace vivace::bench

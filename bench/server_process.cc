// fork, exec, /proc and signals. The child gets its own process group and dies with this process,
// so that an interrupted run leaves nothing behind.
#include "server_process.h"

#include <arpa/inet.h>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <signal.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "base/result.h"
#include "load.h"

namespace vivace::bench {
namespace {

using Steady = std::chrono::steady_clock;

// Binds ports the system chose, notes them, and lets go only when all are known, so that they
// differ.
class FreePorts {
 public:
  ~FreePorts() {
    for (const int fd : fds_) ::close(fd);
  }
  uint16_t next() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds_.push_back(fd);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT(::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0);
    return ntohs(address.sin_port);
  }

 private:
  std::vector<int> fds_;
};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

ServerProcess::ServerProcess(ServerFiles files) : files_(std::move(files)) {
  FreePorts ports;
  http_port_ = ports.next();
  grpc_port_ = ports.next();
  otlp_port_ = ports.next();
  write_config();
}

void ServerProcess::write_config() const {
  std::ofstream out(files_.folder + "/config.yaml");
  out << fmt::format(R"(server:
  http_listen_address: 127.0.0.1
  http_listen_port: {}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {}
distributor:
  receivers:
    otlp:
      protocols:
        http: {{endpoint: "127.0.0.1:{}"}}
storage:
  trace:
    backend: local
    wal: {{path: "{}/wal"}}
    local: {{path: "{}/blocks"}}
)",
                     http_port_, grpc_port_, otlp_port_, files_.folder, files_.folder)
      << files_.more_config;
}

std::string ServerProcess::api_address() const { return fmt::format("127.0.0.1:{}", http_port_); }
std::string ServerProcess::otlp_address() const { return fmt::format("127.0.0.1:{}", otlp_port_); }

void ServerProcess::exec() const {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int log = ::open(log_path().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(log, 1);
  ::dup2(log, 2);
  if (files_.before_exec) files_.before_exec();
  const std::string flag = "-config.file=" + files_.folder + "/config.yaml";
  ::execl(files_.binary.c_str(), files_.binary.c_str(), flag.c_str(), nullptr);
  ::_exit(127);
}

bool ServerProcess::is_ready() {
  std::string body;
  return HttpConnection(api_address()).get("/ready", body) == 200;
}

std::optional<double> ServerProcess::start(double seconds) {
  const Steady::time_point begin = Steady::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Steady::now() - begin).count(); };
  pid_ = ::fork();
  if (pid_ == 0) exec();
  while (elapsed() < seconds) {
    if (is_ready()) return elapsed() * 1e3;
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return std::nullopt;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return std::nullopt;
}

std::optional<int> ServerProcess::end(int signal) {
  if (pid_ < 0) return std::nullopt;
  int status = 0;
  ::kill(pid_, signal);
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int64_t ServerProcess::status_kib(const std::string& key) const {
  std::istringstream in(read_file(fmt::format("/proc/{}/status", pid_)));
  std::string word;
  int64_t kib = 0;
  while (in >> word) {
    if (word == key && in >> kib) return kib;
  }
  return 0;
}

double ServerProcess::cpu_seconds() const {
  const std::string stat = read_file(fmt::format("/proc/{}/stat", pid_));
  // After the name, which ends with the last ')': state is field 3, utime and stime are 14 and 15.
  std::istringstream in(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
  std::string skipped;
  for (int field = 3; field < 14; ++field) in >> skipped;
  double user = 0, system = 0;
  in >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::optional<int64_t> ServerProcess::disk_written_bytes() const {
  constexpr int kSectorsWritten = 7;  // the field of the kernel's Documentation/block/stat.rst
  constexpr int64_t kSectorBytes = 512;
  struct stat info{};
  if (::stat(files_.folder.c_str(), &info) != 0) return std::nullopt;
  ::sync();
  std::istringstream in(
      read_file(fmt::format("/sys/dev/block/{}:{}/stat", major(info.st_dev), minor(info.st_dev))));
  int64_t value = 0;
  for (int field = 1; field <= kSectorsWritten; ++field) {
    if (!(in >> value)) return std::nullopt;
  }
  return value * kSectorBytes;
}

std::optional<double> ServerProcess::metric(const std::string& sample) const {
  std::string body;
  if (HttpConnection(api_address()).get("/metrics", body) != 200) return std::nullopt;
  std::istringstream in(body);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with(sample + " ")) return std::stod(line.substr(sample.size() + 1));
  }
  return std::nullopt;
}

}  // namespace vivace::bench

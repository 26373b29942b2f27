// Vivace: flags -> config -> App, until a signal says stop. The first signal stops in order, a
// second one ends the process at once; while the log is replayed the first one does, too. A first
// word that names a tool (tools/tools.h) runs that instead, to its end.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <pthread.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "app/app.h"
#include "app/version.h"
#include "base/log.h"
#include "config/config.h"
#include "net/probe.h"
#include "storage/local_storage.h"
#include "tools/tools.h"

namespace {

using namespace vivace;

void print(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// A signal while replaying may end the process at once: nothing is promised yet, the log is safe.
// So may a second signal while stopping.
int run(config::Loaded settings) {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // inherited by every thread; sigwait takes them
  std::atomic<bool> started{false};
  std::atomic<bool> stopping{false};
  std::atomic<bool> ended{false};
  std::thread waiter([&] {
    while (!ended) {
      int number = 0;
      sigwait(&signals, &number);
      if (ended) return;
      if (!started) _exit(0);
      if (stopping) _exit(1);
      stopping = true;
      stopping.notify_all();
    }
  });
  App app(std::move(settings));
  int exit_code = 0;
  if (const auto ok = app.start(); ok) {
    started = true;
    stopping.wait(false);
    log::info("stopping on a signal");
    app.stop();
  } else {
    log::error("start failed", {{"err", ok.error().message}});
    app.stop();
    exit_code = 1;
  }
  ended = true;
  pthread_kill(waiter.native_handle(), SIGTERM);
  waiter.join();
  return exit_code;
}

// For container health checks: is the instance behind this URL ready?
int ask_health(const std::string& url) {
  const auto status = net::probe(url);
  if (status && *status == 200) return 0;
  print(stderr,
        (status ? fmt::format("{}: status {}", url, *status) : status.error().message) + "\n");
  return 1;
}

int run_tool(const std::vector<std::string>& words) {
  LocalStorage storage;
  return tools::run(storage, words,
                    {.out = [](std::string_view text) { print(stdout, text); },
                     .err = [](std::string_view text) { print(stderr, text); }});
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && tools::is_tool(words[0])) return run_tool(words);
  auto loaded = config::load(words);
  if (!loaded) {
    print(stderr, loaded.error().message + "\n");
    return loaded.error().exit_code;
  }
  if (loaded->health_url) return ask_health(*loaded->health_url);
  switch (loaded->action) {
    case config::Action::version:
      print(stdout, version_text());
      return 0;
    case config::Action::help:
      print(stdout, config::usage());
      return 0;
    case config::Action::verify:
      for (const std::string& warning : loaded->warnings) print(stderr, warning + "\n");
      return loaded->warnings.empty() ? 0 : 1;
    case config::Action::run:
      break;
  }
  log::set_level(loaded->config.server.log_level);
  log::set_format(loaded->config.server.log_format);
  return run(std::move(*loaded));
}

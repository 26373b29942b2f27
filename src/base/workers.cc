// Threads around a queue. An exception that escapes a task is a bug, but one request's bug: it is
// logged, and the thread lives on.
#include "base/workers.h"

#include <exception>
#include <pthread.h>

#include "base/log.h"

namespace vivace {

void name_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

Workers::Workers(const std::string& name, int threads, size_t waiting_max) : queue_(waiting_max) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      name_thread(name);
      while (auto task = queue_.pop()) {
        try {
          (*task)();
        } catch (const std::exception& error) {
          log::error("task failed", {{"worker", name}, {"err", error.what()}});
        }
      }
    });
  }
}

void Workers::stop() {
  queue_.close();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace vivace

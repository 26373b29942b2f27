// A fixed set of threads that run tasks from one bounded queue, first come first served. Tasks may
// block. An exception that escapes a task is logged and ends that task alone.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/queue.h"

namespace vivace {

// Names the calling thread for `top`, `perf` and core files; 15 characters count.
void name_thread(const std::string& name);

class Workers {
 public:
  using Task = std::move_only_function<void()>;

  Workers(const std::string& name, int threads, size_t waiting_max);
  ~Workers() { stop(); }

  // False when the queue is full or the workers have stopped; the task is then untouched.
  [[nodiscard]] bool submit(Task&& task) { return queue_.try_push(std::move(task)); }

  size_t waiting() const { return queue_.size(); }

  // Runs what waits, then ends the threads.
  void stop();

 private:
  Queue<Task> queue_;
  std::vector<std::thread> threads_;
};

}  // namespace vivace

// The pace on a clock and a CPU meter that the test turns: what it sleeps is exact.
// One test asks the real meter.
#include "compact/pace.h"

#include <gtest/gtest.h>

namespace vivace::compact {
namespace {

class PaceTest : public testing::Test {
 protected:
  void work(int64_t ns) {
    cpu_ns_ += ns;
    clock_.advance(ns);
  }

  ManualClock clock_;
  int64_t cpu_ns_ = 0;
  int64_t slept_ns_ = 0;
  bool stopping_ = false;
  Pace pace_{clock_, 0.25,
             [this](int64_t ns) {
               slept_ns_ += ns;
               clock_.advance(ns);
               return !stopping_;
             },
             [this] { return cpu_ns_; }};
};

TEST_F(PaceTest, TakesItsShareAndNoMore) {
  pace_.start();
  for (int i = 0; i < 1000; ++i) {
    work(1'000'000);
    ASSERT_TRUE(pace_.step());
  }
  EXPECT_EQ(slept_ns_, 3'000'000'000);
}

TEST_F(PaceTest, WhatOthersTookCountsAsSleep) {
  pace_.start();
  cpu_ns_ += 10'000'000;
  clock_.advance(100'000'000);
  ASSERT_TRUE(pace_.step());
  EXPECT_EQ(slept_ns_, 0);
}

TEST_F(PaceTest, AWholeCpuNeedsNoSleep) {
  pace_.set_cpus(1);
  pace_.start();
  work(50'000'000);
  ASSERT_TRUE(pace_.step());
  EXPECT_EQ(slept_ns_, 0);
}

TEST_F(PaceTest, StopsWhenToldSo) {
  pace_.start();
  stopping_ = true;
  EXPECT_EQ(pace_.step().error().code, Code::cancelled);
  work(50'000'000);
  EXPECT_EQ(pace_.step().error().code, Code::cancelled);
}

TEST_F(PaceTest, OneLargeChunkDoesNotStopItForLong) {
  pace_.start();
  work(60'000'000'000);
  ASSERT_TRUE(pace_.step());
  EXPECT_LE(slept_ns_, 200'000'000);
}

TEST(PaceCpu, TheThreadsTimeGrows) {
  const int64_t before = thread_cpu_ns();
  volatile uint64_t sum = 0;
  while (thread_cpu_ns() == before) sum = sum + 1;
  EXPECT_GT(thread_cpu_ns(), before);
}

}  // namespace
}  // namespace vivace::compact

// Runs of integers as the format stores them: less a base (so that differences wrap), in one of
// three forms. How many there are is known from elsewhere.
//
//   1 byte   form
//   8 bytes  base
//
//   form 0-8  PLANES: so many bytes a number (0: all are the base). First the lowest byte of every
//             number, then the next of every number. Bytes of one weight are alike, which is what
//             the packing behind it lives on.
//   form 16   BITS: numbers of 0 and 1, eight in a byte, lowest first.
//   form 17   CLASSES: for numbers of any magnitude, such as times. A byte for each number: how
//             many bits it has, 0-64; then the bits of each below its highest one, one behind the
//             other, lowest first; then 8 bytes of 0, for those who read 8 at a time. The classes
//             pack well, the rest is noise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "block/byte_reader.h"

namespace vivace {

struct NumberOptions {
  bool byte_each = false;  // for those whose count must be bounded by their bytes
  // Where content changes its nature (chunk.h); may be left out.
  std::vector<uint32_t>* maybe_cuts = nullptr;
};
void append_numbers(std::string& out, std::span<const uint32_t> values, NumberOptions options = {});
void append_numbers(std::string& out, std::span<const uint64_t> values, NumberOptions options = {});

// Fill `values`; what does not fit (too few bytes, too wide) fails the reader.
void take_numbers(ByteReader& in, std::span<uint32_t> values);
void take_numbers(ByteReader& in, std::span<uint64_t> values);

}  // namespace vivace

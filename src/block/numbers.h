// Runs of integers as the format stores them: less a base, in as few bytes as the largest then
// needs, and byte by byte: first the lowest byte of every number, then the next of every number.
// Bytes of one weight are alike, which is what the packing behind it lives on.
//
//   1 byte   width: 0-8 bytes a number (0: all are the base)
//   8 bytes  base
//   width x count bytes
//
// How many there are is known from elsewhere. Differences wrap, so that negative numbers beside
// positive ones stay narrow.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "block/byte_reader.h"

namespace vivace {

// `width_min`: 1 for those whose count must be bounded by their bytes.
void append_numbers(std::string& out, std::span<const uint32_t> values, uint8_t width_min = 0);
void append_numbers(std::string& out, std::span<const uint64_t> values);

// Fill `values`; what does not fit (too few bytes, too wide) fails the reader.
void take_numbers(ByteReader& in, std::span<uint32_t> values);
void take_numbers(ByteReader& in, std::span<uint64_t> values);

}  // namespace vivace

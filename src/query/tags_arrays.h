// The elements of a stored array, for whoever looks into values: filters and lists of tags. A pure
// function; any thread.
#pragma once

#include <string_view>
#include <vector>

#include "model/value.h"

namespace vivace {

// `array`: the content of an ArrayValue. The elements, if all are strings, all booleans, all
// integers or all reals; nothing for other arrays, which no query can ask for. Texts point into
// `array`.
std::vector<Value> array_elements(std::string_view array);

}  // namespace vivace

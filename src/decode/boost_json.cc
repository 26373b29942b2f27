// Boost.JSON in its header-only form (boost.org/doc/libs/1_81_0/libs/json, "Header-Only"): the
// parts of the library that are not templates are compiled here, once, so that no package beside
// Boost's headers is needed and the sanitizers see them too. Used by otlp_json.cc.
#include <boost/json/src.hpp>

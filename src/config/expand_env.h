// `-config.expand-env`: replaces `${...}` in a whole file's text before it is read as YAML.
//
//   ${V}                 the variable; unset is empty, never an error
//   ${V:-d} ${V:=d}      d when V is unset or empty; the same for ${V-d} ${V=d}
//   ${#V}                its length in bytes
//   ${V^} ${V^^}         first letter, all letters to upper case (ASCII)
//   ${V,} ${V,,}         to lower case
//   ${V:pos} ${V:pos:len}   a part of it; what lies outside is empty
//   ${V#p} ${V##p}       without the shortest, longest front that matches the glob p
//   ${V%p} ${V%%p}       without the shortest, longest end that does
//   ${V/a/b} ${V//a/b}   first, all of the text a replaced by b
//   $$                   a dollar sign; a bare $V stays as it is
//
// d, p, a and b may hold `${...}` again; in them `\` before `}`, `/` or `\` takes its meaning away.
// Malformed expressions are errors that name the line. Pure: the environment is an argument.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vivace::config {

// The value of a variable, empty when unset.
using Environment = std::function<std::string(const std::string& name)>;

// The process's own.
std::string environment_variable(const std::string& name);

Result<std::string> expand_env(std::string_view text, const Environment& environment);

}  // namespace vivace::config

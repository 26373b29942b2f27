// Checked settings to the typed fields that the program reads, with the checks that need more than
// one key or more than a type. Pure; called once at start by config.cc.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/settings.h"

namespace vivace::config {

// Turns the receivers on that are on when none is named.
void imply_receivers(Settings& settings);

Config to_config(const Settings& settings, Problems& problems);

// The metrics-generator's part of it; in apply_generator.cc.
Generator to_generator(const Settings& settings, Problems& problems);

// Its receivers, and the check of headers for them; in apply_remote_write.cc.
std::vector<RemoteWrite> to_receivers(const Settings& settings, Problems& problems);
void check_headers(const Settings& settings, const std::string& path, const TextMap& headers,
                   Problems& problems);

// What Tempo warns of, as far as the settings alone decide it.
std::vector<std::string> warnings(const Settings& settings);

// The names of what is set, or on by default, and has no effect in this version.
std::vector<std::string> inactive(const Settings& settings);

}  // namespace vivace::config

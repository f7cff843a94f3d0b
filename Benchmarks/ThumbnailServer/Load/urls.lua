-- SPDX-License-Identifier: Apache-2.0
-- For wrk: asks for the paths of a file, one a line. The first ones are asked for more often than the last ones, as the
-- pictures of a site are. At the end it prints one line that load.py reads.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  math.randomseed(tonumber(arguments[2]) + number)
  paths = {}
  for path in io.lines(arguments[1]) do paths[#paths + 1] = path end
end

function request()
  return wrk.format("GET", paths[1 + math.floor(#paths * math.random() ^ 3)])
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format("RESULT %d %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

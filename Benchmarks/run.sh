#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks of BufferBenchmarks under ordo-one/benchmark. Figures marked * are per operation.
#
#   run.sh                      runs all rows
#   run.sh --smoke              runs this library's rows for a short time, and compares counts with the thresholds in
#                               Thresholds (for CI)
#   run.sh --record             writes the thresholds (only counts, because times depend on the machine)
#   run.sh --baseline NAME      runs all rows, and stores the figures under a name
#   run.sh --compare NAME       runs all rows, and fails if one is worse than the stored figures by more than it may be
#   run.sh -- ARGUMENTS         passes other arguments to `swift package benchmark`
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
thresholds="$here/Thresholds"

benchmark() {
  swift package --package-path "$here" --allow-writing-to-package-directory benchmark "$@"
}

# A check ends with status 1 if figures are worse, and also if they are better. Only the text says which it is.
check() {
  local log status=0
  log=$(mktemp)
  trap 'rm -f "$log"' RETURN
  benchmark "$@" --no-progress 2>&1 | tee "$log" || status=$?
  if [ "$status" -ne 0 ] && grep -q 'benchmarkThresholdImprovement' "$log"; then
    echo "Better than recorded."
    return 0
  fi
  return "$status"
}

case "${1:-}" in
  "") benchmark --no-progress ;;
  --smoke) NATIVE_BUFFERS_BENCHMARKS=smoke check thresholds check --path "$thresholds" ;;
  --record)
    rm -rf "$thresholds"
    NATIVE_BUFFERS_BENCHMARKS=counts benchmark thresholds update --path "$thresholds" --no-progress
    chmod 644 "$thresholds"/*.json
    ;;
  --baseline) benchmark baseline update "${2:?a name is missing}" --no-progress ;;
  --compare) check baseline check "${2:?a name is missing}" ;;
  --) shift; benchmark "$@" ;;
  *) sed -n '3,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64 ;;
esac

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# readme-command.sh NAME: prints a command of the README or of an article, the code block after <!-- command: NAME -->.
set -euo pipefail
name=${1:?usage: readme-command.sh NAME}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
command=$(awk -v marker="<!-- command: $name -->" '
  $0 == marker { found = 1; next }
  found && /^```/ { if (inside) exit; inside = 1; next }
  inside' "$root/README.md" "$root"/Sources/*/*.docc/*.md)
[ -n "$command" ] || { echo "neither README.md nor an article has a command \"$name\"" >&2; exit 1; }
printf '%s\n' "$command"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check.sh [FOLDER]: starts the server on a free port, asks for each route in right and wrong ways, ends it by SIGTERM,
# and demands that its audit finds nothing. FOLDER has some JPEGs; the default is /usr/share/backgrounds. Needs curl.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
swift build -c release --package-path "$here"

work=$(mktemp -d) pid=
trap 'kill $pid 2>/dev/null || true; rm -rf "$work"' EXIT
pictures=$work/pictures answer=$work/answer
mkdir -p "$pictures/more"
find "${1:-/usr/share/backgrounds}" -maxdepth 1 -name '*.jpg' | sort | head -3 | xargs -I{} cp {} "$pictures"
photo=$(find "$pictures" -name '*.jpg' | sort | head -1) name=$(basename "$photo")
cp "$photo" "$pictures/more/with space.jpg"
head -c 100000 "$photo" >"$pictures/cut.jpg"
echo "not a picture" >"$pictures/text.jpg"
mkfifo "$pictures/pipe.jpg"
ln -s /etc/passwd "$pictures/outside.jpg"
ln -s "$name" "$pictures/inside.jpg"
# A PNG that claims to have 60,000 × 60,000 pixels.
printf '\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\x06\0\0\0\x80\xd2\x75\x42' >"$work/huge.png"
{ cat "$photo"; head -c 20000000 /dev/zero; } >"$work/long.jpg"

touch "$work/log"
"$here/.build/release/thumbnail-server" "$pictures" --port 0 >"$work/output" 2>"$work/log" &
pid=$!
for _ in $(seq 100); do
  port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/log")
  [ -z "$port" ] || break
  sleep 0.1
done
base=http://127.0.0.1:$port

fail() { echo "check.sh: $1" >&2; cat "$answer" "$work/log" >&2; exit 1; }

# ask CODE TEXT PATH [CURL'S ARGUMENT…]: the answer must have this code, and this text in its body.
ask() {
  local code=$1 text=$2 path=$3 got
  shift 3
  got=$(curl --silent --max-time 30 --output "$answer" --write-out '%{http_code}' "$@" "$base$path") || true
  [ "$got" = "$code" ] || fail "$path gave $got instead of $code"
  [ -z "$text" ] || grep --text --quiet -e "$text" "$answer" || fail "the answer to $path has no '$text'"
}

ask 200 ok /healthz
for _ in 1 2; do ask 200 JFIF "/thumb?file=$name&side=200"; done
ask 200 JFIF "/thumb?file=more/with%20space.jpg&side=4096"
ask 200 JFIF "/thumb?file=inside.jpg&side=1"
ask 200 JFIF "/resize?side=300" --data-binary "@$photo"
ask 200 JFIF "/resize?side=300" --data-binary "@$photo" --header "Transfer-Encoding: chunked"

ask 404 "" /nothing
ask 400 side "/thumb?file=$name"
for side in 0 -1 100000 x 99999999999999999999; do ask 400 side "/thumb?file=$name&side=$side"; done
ask 400 file "/thumb?side=200"
for file in ../etc/passwd /etc/passwd more/../../etc/passwd %2e%2e%2fetc%2fpasswd . "$name%00.png" ""; do
  ask 400 file "/thumb?file=$file&side=200"
done
for file in none.jpg outside.jpg more pipe.jpg; do ask 404 "" "/thumb?file=$file&side=200"; done
ask 422 notAPicture "/thumb?file=text.jpg&side=200"
ask 422 truncated "/thumb?file=cut.jpg&side=200"
ask 422 notAPicture "/resize?side=200" --data-binary "@$pictures/text.jpg"
ask 422 truncated "/resize?side=200" --data-binary "@$pictures/cut.jpg"
ask 422 notAPicture "/resize?side=200" --data-binary ""
ask 422 limitExceeded "/resize?side=200" --data-binary "@$work/huge.png"
ask 413 encodedByteCount "/resize?side=200" --data-binary "@$work/long.jpg"
ask 400 "" /healthz --header "X: $(head -c 120000 /dev/zero | tr '\0' a)"

# A body that ends too early, and an answer that nobody reads.
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /resize?side=64 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc' >&3
exec 3>&-
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /thumb?file=%s&side=1000 HTTP/1.1\r\nHost: h\r\n\r\n' "$name" >&3
exec 3>&-

ask 200 "requests_leaving_memory_total 0" /metrics
grep --quiet "^findings 0$" "$answer" || fail "the metrics have findings"
# A client that never ends its request must not keep the process.
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /resize?side=64 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n\xff\xd8' >&3

kill -TERM "$pid"
status=0
wait "$pid" || status=$?
cat "$work/output"
[ "$status" -eq 0 ] || fail "the server ended with $status"
grep --quiet "^verdict: clean" "$work/output" || fail "the audit is not clean"
echo "check.sh: every answer was right, and the audit at the end is clean"

#!/usr/bin/env bash
# Starts a run of seedhook, waits for it, and downloads its files. Needs bash, curl and jq; to sign, openssl.
#
#   SEEDHOOK_URL=https://seedhook.example/hooks/test-data SEEDHOOK_SECRET=… bash seed.sh payload.json [folder]
#
# SEEDHOOK_SECRET   the value of the hook's secret: `whsec_…` signs by Standard Webhooks, any other is a bearer token
# SEEDHOOK_ID       what names the event: a call with an id that came before starts nothing and follows the first run
# SEEDHOOK_TIMEOUT  how long to wait, seconds (1800)
#
# The secret is never an argument of a program, where `ps` would show it.
set -euo pipefail
# Names of files are cut and compared byte by byte.
export LC_ALL=C

payload=${1:?usage: seed.sh payload.json [folder]}
folder=${2:-}
url=${SEEDHOOK_URL:?the address of the hook}
secret=${SEEDHOOK_SECRET:?the value of the hook\'s secret}
id=${SEEDHOOK_ID:-$(date -u +%s)-$RANDOM$RANDOM-$$}
deadline=$((SECONDS + ${SEEDHOOK_TIMEOUT:-1800}))

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  printf 'seed.sh: %s\n' "$*" >&2
  exit 1
}

# The block of a key for HMAC, RFC 2104: the key in hex, each byte XOR $2, filled up to 64 bytes, as \x escapes.
key_block() {
  local hex=$1 escapes='' byte index
  for ((index = 0; index < 64; index++)); do
    byte=${hex:index*2:2}
    printf -v byte '\\x%02x' $((16#${byte:-00} ^ $2))
    escapes+=$byte
  done
  printf '%s' "$escapes"
}

# HMAC-SHA256 of standard input in base64, under the key that the secret encodes. `openssl dgst -mac` takes the key as an
# argument, so the two hashes are made here.
hmac() {
  local hex
  hex=$(openssl base64 -d -A <<<"${secret#whsec_}" | od -An -v -tx1 | tr -d ' \n')
  if ((${#hex} > 128)); then
    hex=$(openssl base64 -d -A <<<"${secret#whsec_}" | openssl dgst -sha256 -r | cut -d' ' -f1)
  fi
  # Both formats consist of escapes alone.
  # shellcheck disable=SC2059
  { printf "$(key_block "$hex" 0x36)"; cat; } | openssl dgst -sha256 -binary >"$work/inner"
  # shellcheck disable=SC2059
  { printf "$(key_block "$hex" 0x5c)"; cat "$work/inner"; } | openssl dgst -sha256 -binary | openssl base64 -A
}

# Writes the headers that prove who calls. Each attempt is signed anew, under the same id.
write_headers() {
  printf 'Content-Type: application/json\n'
  if [[ $secret == whsec_* ]]; then
    local now signature
    now=$(date -u +%s)
    signature=$({ printf '%s.%s.' "$id" "$now"; cat "$payload"; } | hmac)
    printf 'webhook-id: %s\nwebhook-timestamp: %s\nwebhook-signature: v1,%s\n' "$id" "$now" "$signature"
  else
    printf 'Authorization: Bearer %s\nIdempotency-Key: %s\n' "$secret" "$id"
  fi
}

# Calls curl until it gets an answer that time does not change. Prints the status; the body is in $work/body.
insist() {
  local status pause=1 asked wait
  while :; do
    : >"$work/head"
    [[ $1 == POST ]] && write_headers >"$work/headers"
    status=$(curl -s -o "$work/body" -D "$work/head" -w '%{http_code}' --max-time 60 "${@:2}") || status=000
    case $status in
      000 | 408 | 425 | 429 | 500 | 502 | 503 | 504) ;;
      *) printf '%s' "$status" && return ;;
    esac
    asked=$(tr -d '\r' <"$work/head" | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,5\}\)$/\1/p' | tail -n1)
    # An answer may ask for a longer pause and not for a shorter one: after "Retry-After: 0" there would be no pause at all.
    wait=$((10#${asked:-0} > pause ? 10#${asked:-0} : pause))
    ((SECONDS + wait < deadline)) || fail "no usable answer in time, the last status was $status"
    printf 'status %s; next attempt in %s s\n' "$status" "$wait" >&2
    sleep "$wait"
    pause=$((pause < 15 ? pause * 2 : 30))
  done
}

# A name that stays in the folder and that every system takes. Windows gives some names to devices.
safe_name() {
  local name=${1//[^A-Za-z0-9._-]/_}
  name=${name/#./_}
  case $(tr '[:upper:]' '[:lower:]' <<<"${name%%.*}") in
    con | prn | aux | nul | com[0-9] | lpt[0-9]) name=_$name ;;
  esac
  # Without its middle a long name keeps its ending.
  ((${#name} <= 200)) || name=${name:0:180}${name: -20}
  printf '%s' "${name:-file}"
}

# Downloads the file at link $1, of $2 bytes or of an unknown size, as $3 in the folder. It has its name only once it is whole, and
# no other file can have the name of its part: none begins with a dot.
download() {
  local link=$1 size=$2 target=$folder/$3 part=$folder/.$3.part pause
  for pause in 1 2 4 8 none; do
    if curl -sf --max-time 900 -o "$part" "$link" && [[ $size == unknown || $(($(wc -c <"$part"))) == "$size" ]]; then
      mv -f "$part" "$target" && return
    fi
    [[ $pause == none ]] || sleep "$pause"
  done
  rm -f "$part"
  return 1
}

status=$(insist POST -X POST -H "@$work/headers" --data-binary "@$payload" "$url")
[[ $status == 2?? ]] || fail "not accepted: HTTP $status $(jq -r '"\(.title): \(.detail)"' "$work/body" 2>/dev/null || true)"
outcome=$(jq -r .status "$work/body")
[[ $outcome != ignored ]] || fail "the hook ignored the payload: no \`when\` holds"
run=$(jq -r '.runs[0].run_id' "$work/body")
link=$(jq -r '.runs[0].status_url' "$work/body")
printf '%s: run %s\n' "$outcome" "$run"
[[ $(jq -r '.runs[0].status' "$work/body") != failed ]] ||
  fail "the run $run failed at stage $(jq -r '.runs[0].error.stage' "$work/body")"
[[ $link == http* ]] || fail "the hook shares nothing to wait by: write share = \"files\" in it, and set LINK_SECRET"

while :; do
  ((SECONDS < deadline)) || fail "the run $run has not ended in time; it goes on"
  status=$(insist GET -H 'Prefer: wait=25' "$link")
  [[ $status == 200 ]] || fail "the run $run cannot be followed: HTTP $status"
  state=$(jq -r .status "$work/body")
  case $state in
    completed) break ;;
    failed | canceled | unconfirmed) fail "the run $run is $state, stage $(jq -r '.error.stage // "none"' "$work/body")" ;;
  esac
  # A Worker that cannot keep the question open answers at once.
  grep -qi '^preference-applied:' "$work/head" || sleep 1
done
printf 'completed\n'

[[ -n $folder ]] || exit 0
mkdir -p "$folder"
: >"$work/names"
jq -r '.files[]? | [.url // "none", .id, .size // "unknown", .name] | @tsv' "$work/body" |
  while IFS=$'\t' read -r link file_id size file_name; do
    name=$(safe_name "$file_name")
    # A second file of the same name gets its id in front. Systems differ in whether upper and lower case are the same.
    prefix=${file_id:0:60}
    for ((count = 2; ; count++)); do
      grep -qixF -- "$name" "$work/names" || break
      name=$(safe_name "$prefix-$file_name")
      prefix=${file_id:0:60}-$count
    done
    printf '%s\n' "$name" >>"$work/names"
    download "$link" "$size" "$name" || fail "the file $name cannot be downloaded"
    printf '%s\n' "$folder/$name"
  done

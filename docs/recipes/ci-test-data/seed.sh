#!/usr/bin/env bash
# Starts a run of seedhook, waits for it, and downloads its files. Needs bash, curl and jq; to sign, openssl.
#
#   SEEDHOOK_URL=https://seedhook.example.workers.dev/hooks/test-data SEEDHOOK_SECRET=… seed.sh payload.json [folder]
#
# SEEDHOOK_SECRET   the value of the hook's secret: `whsec_…` signs by Standard Webhooks, any other is a bearer token
# SEEDHOOK_ID       what names the event: a call with an id that came before starts nothing and follows the first run
# SEEDHOOK_TIMEOUT  how long to wait, seconds (1800)
#
# The secret is never an argument of a program, where `ps` would show it.
set -euo pipefail

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
  local status pause=1 asked
  while :; do
    : >"$work/head"
    [[ $1 == POST ]] && write_headers >"$work/headers"
    status=$(curl -s -o "$work/body" -D "$work/head" -w '%{http_code}' --max-time 60 "${@:2}") || status=000
    case $status in
      000 | 408 | 425 | 429 | 500 | 502 | 503 | 504) ;;
      *) printf '%s' "$status" && return ;;
    esac
    asked=$(tr -d '\r' <"$work/head" | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,5\}\)$/\1/p' | tail -n1)
    ((SECONDS + ${asked:-$pause} < deadline)) || fail "no usable answer in time, the last status was $status"
    printf 'status %s; next attempt in %s s\n' "$status" "${asked:-$pause}" >&2
    sleep "${asked:-$pause}"
    pause=$((pause < 30 ? pause * 2 : 30))
  done
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
names=' '
jq -r '.files[]? | [.url, .id, .name] | @tsv' "$work/body" | while IFS=$'\t' read -r link file_id name; do
  # A name that stays in the folder; a second file of the same name gets its id.
  name=${name//[^A-Za-z0-9._-]/_}
  name=${name/#./_}
  [[ $names != *" $name "* ]] || name=${file_id//[^A-Za-z0-9-]/_}-$name
  names+="$name "
  curl -sf --retry 5 --retry-all-errors -o "$folder/$name" "$link" || fail "the file $name cannot be downloaded"
  printf '%s\n' "$folder/$name"
done

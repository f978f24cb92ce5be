#!/bin/sh
# Adapter for examplechat, version 1 of Carillon's adapter protocol: adapter.sh FOLDER
# POSIX sh with the coreutils and jq. It speaks lines of JSON over standard input and output, one request after another.
# FOLDER keeps which messages were sent. Yours to change: the description, deliver, check.
set -u
umask 077
LC_ALL=C
export LC_ALL
[ $# = 1 ] && mkdir -p "$1/keys" "$1/out" || { echo "usage: adapter.sh FOLDER" >&2; exit 2; }
command -v jq >/dev/null || { echo "jq is missing; install it (apt-get install jq)" >&2; exit 2; }
folder=$1
limit=1000 # characters
people='test-1 test-2' nobody=test-nobody # for the conformance kit: what goes there reaches nobody

# README.md has what else may stand here: receipts, replies, opt-outs, CommonMark, a subject.
describe() {
  find "$folder/keys" -type f -mmin +2880 -exec rm -f {} + # two days are more than dedupe_seconds
  jq -cn --argjson id "$id" --argjson limit "$limit" --arg people "$people" --arg nobody "$nobody" '{$id, ok: {
    protocol: 1, name: "examplechat", kind: "examplechat",
    address: {pattern: "[a-z0-9._-]+", example: "anna", lower: true},
    text: {markup: "plain", limit: $limit, unit: "characters"},
    dedupe_seconds: 86400, longest_attempt_seconds: 20, concurrent: 1,
    test: {people: ($people | split(" ")), refused: $nobody}}}'
}

# deliver hands the message of the request in $line to the provider, once, and sets sent to its id there. It returns 0; or calls
# refuse and returns 1 where the provider surely did not take it, and 2 where it may have. This provider collects files from out/.
deliver() {
  printf '%s\n' "$line" | jq -c '.with | {to, text}' >"$folder/out/$name.part" &&
    mv "$folder/out/$name.part" "$folder/out/$name.json" && sent=$name && return 0
  refuse temporary channel out "the message could not be written"
  return 1
}

# check says whether messages could be sent now: ask the provider about your credentials here.
check() {
  if [ -w "$folder/keys" ] && [ -w "$folder/out" ]; then
    ok '{}'
  else
    refuse auth channel folder "a folder cannot be written to; let the adapter's user write there"
  fi
}

ok() { printf '{"id":%s,"ok":%s}\n' "$id" "$1"; }

# refuse CLASS SCOPE CODE DETAIL [MORE]
refuse() { printf '{"id":%s,"error":{"class":"%s","scope":"%s","code":"%s","detail":"%s"%s}}\n' "$id" "$1" "$2" "$3" "$4" "${5-}"; }

send() {
  case $fault in
  incomplete) refuse permanent content incomplete "key, to or text is missing"; return ;;
  expired) refuse permanent content expired "it came too late" ',"expired":true'; return ;;
  too-long) refuse permanent content too-long "the text is longer than the limit"; return ;;
  nobody) refuse permanent address no-such-user "there is no such user at the provider"; return ;;
  esac
  # The key is taken before the attempt and gets its id after it: whoever finds it without one does not send again.
  record=$folder/keys/$name
  if ! (set -C && : >"$record") 2>/dev/null; then
    if [ -s "$record" ]; then
      ok "{\"id\":\"$(cat "$record")\"}"
    else
      refuse unknown channel in-doubt "an attempt under this key has not told its end"
    fi
    return
  fi
  sent=$name
  if [ "$fault" != test ]; then
    deliver
    case $? in
    0) ;;
    1) rm -f "$record"; return ;;
    *) return ;;
    esac
  fi
  printf %s "$sent" >"$record.part" && mv "$record.part" "$record" || echo "an id could not be kept" >&2
  ok "{\"id\":\"$sent\"}"
}

# What is no request gets no answer. jq's @sh quotes what the shell is to read, and the texts never get there.
while IFS= read -r line; do
  id=
  eval "$(printf '%s\n' "$line" | jq -r --argjson limit "$limit" --arg people "$people" --arg nobody "$nobody" '
    select(type == "object" and (.id | type) == "string" and (.do | type) == "string") | (.with // {}) as $with |
    @sh "id=\(.id | tojson) do=\(.do) key=\(
      if .do == "send" then $with.key | tostring else "" end | @base64
    ) fault=\(
      if .do != "send" then ""
      elif ([$with | .key?, .to?, .text? | type] != ["string", "string", "string"]) then "incomplete"
      elif ($with.expires | type) == "string" and ($with.expires[:19] + "Z" | fromdate) < now then "expired"
      elif ($with.text | length) > $limit then "too-long"
      elif $with.to == $nobody then "nobody"
      elif ($people | split(" ") | index($with.to)) != null then "test"
      else "" end)"' 2>/dev/null)"
  [ -n "$id" ] || continue
  name=$(printf %s "$key" | sha256sum | cut -c 1-32)
  case $do in
  describe) describe ;;
  check) check ;;
  send) send ;;
  *) refuse permanent channel unknown-request "this adapter cannot do that" ;;
  esac
done

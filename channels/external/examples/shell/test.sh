#!/bin/sh
# sh test.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

ask() { printf '%s\n' "$1" | sh "$here/adapter.sh" "$folder"; }

expect() {
  if [ "$2" != "$3" ]; then
    printf '%s: got %s, want %s\n' "$1" "$2" "$3" >&2
    exit 1
  fi
}

message='{"id":"1","do":"send","with":{"attempt":"a","part":0,"key":"d-p-0-0","to":"anna","text":"Meeting at seven."}}'
first=$(ask "$message" | jq -r .ok.id)
expect "the same key" "$(ask "$message" | jq -r .ok.id)" "$first"
expect "what the provider got" "$(cat "$folder"/out/*.json)" '{"to":"anna","text":"Meeting at seven."}'
: >"$folder/keys/$first" # as a crash in mid-send leaves it
expect "doubt" "$(ask "$message" | jq -r .error.class)" unknown
echo passed

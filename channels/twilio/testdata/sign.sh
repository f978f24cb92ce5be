#!/bin/sh
# Writes signatures.json anew with Twilio's own library for Node, of a pinned version, in a folder that goes with it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cp "$here/sign.mjs" "$room/"
cd "$room"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts twilio@6.2.0 >/dev/null
node sign.mjs >"$here/signatures.json"

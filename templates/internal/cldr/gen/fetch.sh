#!/usr/bin/env bash
# Fetches the pinned CLDR packages with npm into a folder that is deleted afterwards, checks them, and writes the tables.
# With -keep FOLDER the packages stay there. Run it by: go generate ./templates/internal/cldr
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" = -keep ]; then
  folder=$2
  mkdir -p "$folder"
else
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi

# The packages of the two calendars are not published with every release: these are their newest.
fetch() { # name version sha512
  local file="$1-$2.tgz"
  (cd "$folder" && npm pack --silent "$1@$2" >/dev/null)
  local got
  got=$(openssl dgst -sha512 -binary "$folder/$file" | base64 -w0)
  if [ "$got" != "$3" ]; then
    echo "$1@$2 has the sha512 $got, not the pinned one; do not use it" >&2
    exit 1
  fi
  mkdir -p "$folder/$1"
  tar xzf "$folder/$file" -C "$folder/$1" --strip 1
}
fetch cldr-core 48.2.0 zfmLothncSwfv2jlevoSrgI2VGgH8SDGHXst6jUEotHA8nq9Igeg9jzdJDFtBso9pgJuG89DK16TzrmZDdo2Bg==
fetch cldr-bcp47 48.2.0 ks3zN+Wbg1zMqvJNeDai1zA0JBGHbAnxv2Ko4rjVohvXscDGmTa7VNy1T+QRlQw3QVPzQcCm2EOiEtAfOU4d+g==
fetch cldr-numbers-full 48.2.0 0EQ+UkVDsyXOlxnWnL1RIENVZFqCnb04D1Yrku0obnOyttbuZz8tHmUd5c5AEvhGS/Gg2zI4fTaCm51LSGITog==
fetch cldr-dates-full 48.2.0 zMrKvjMO414HDftLr6vKH1fNQHakFNe+F1h4S0eg+zmL4WRi9pI41fxB3UrTJDY42MEM87jCuAw/qlqCgYKcAQ==
fetch cldr-misc-full 48.2.0 dSc2Tr53dQcUGwsTinamEeoP2YXOhQrIZ+SyeuUrv4MzJOSjT/Q0qkSmX11ZwfcTbYSkIqbrgALQLhAm1yf5fA==
fetch cldr-localenames-full 48.2.0 4o0paYDz0UXhfhChAVFkmVl2CP0YTSEqE6WrC0fNafaSC5u5DAXphxH3SZ1Ujczarikr8DToKZfiok6EqWLdNQ==
fetch cldr-cal-persian-full 46.1.0 /fq34APYmMV+Lp66SA3lD6EsKY4eoSAzMXZxEHkiHQQzKO8Ph/vkv8ppm3QDsDHUp4YUFB6XOUNAXz+v+Zc6Eg==
fetch cldr-cal-buddhist-full 39.0.0 e5bg0O+AyQON52MlKon6k76ScNxj9+1ZNIM3e835g+X/zz8W196HVB0nmPpWP75KNMznO59EXVmgv6OW4wZO3A==

cd "$here/.." && go run ./gen -from "$folder" -to data

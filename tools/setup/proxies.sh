#!/bin/sh
# haproxy and pgbouncer, beside which the gateway is measured and compared.
set -u
PATH="$PATH:/usr/sbin"
missing=""
for program in haproxy pgbouncer; do
  command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
# shellcheck disable=SC2086 -- two words on purpose
[ -z "$missing" ] || "$(dirname "$0")/packages.sh" "left out of what is compared" $missing
exit 0

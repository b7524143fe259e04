#!/bin/sh
# haproxy and pgbouncer, which `make bench` measures beside the gateway.
set -u
missing=""
for program in haproxy pgbouncer; do
  PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: left out of the figures, because not installed:$missing" >&2
  exit 0
fi
echo "setup: apt-get install$missing"
export DEBIAN_FRONTEND=noninteractive
# Their services are not to start; each figure starts its own.
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT; }
# shellcheck disable=SC2086 -- two words on purpose
{ apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } >/dev/null 2>&1 ||
  echo "setup: left out of the figures, because apt-get could not install:$missing" >&2
exit 0

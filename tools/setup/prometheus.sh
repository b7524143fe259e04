#!/bin/sh
# Prometheus and promtool: alerts are proved, and dashboards are drawn, with the programs themselves.
set -u
missing=""
for program in prometheus promtool; do
  command -v "$program" >/dev/null 2>&1 || missing=prometheus
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: alerts are not proved, because not installed: prometheus" >&2
  exit 0
fi
echo "setup: apt-get install $missing"
export DEBIAN_FRONTEND=noninteractive
# Its service is not to start; each test starts its own.
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT; }
{ apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } >/dev/null 2>&1 ||
  echo "setup: alerts are not proved, because apt-get could not install: prometheus" >&2
exit 0

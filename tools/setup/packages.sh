#!/bin/sh
# Installs packages of the distribution: packages.sh WHAT PACKAGE... where WHAT is said before the packages' names when they
# cannot be had. Ends with 1 then; whoever calls decides what that is worth.
set -u
what=$1
shift
[ $# -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: $what: $*" >&2
  exit 1
fi
echo "setup: apt-get install $*"
export DEBIAN_FRONTEND=noninteractive
# Their services are not to start; each test starts its own.
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT; }
{ apt-get -qq update && apt-get -qq install -y --no-install-recommends "$@"; } >/dev/null 2>&1 || {
  echo "setup: $what, and apt-get could not install: $*" >&2
  exit 1
}

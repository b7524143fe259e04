#!/bin/sh
# Installs the locked packages once per lockfile. Everything later runs under the Node that comes with them.
set -eu
cd "$(dirname "$0")/../.."
installed=node_modules/.sallyport-lock

# Started by root, PostgreSQL and the gateway run as other users, and their programs lie in this checkout.
if [ "$(id -u)" = 0 ]; then
  folder=$PWD
  while [ "$folder" != / ]; do
    case $(ls -ld "$folder" | cut -c10) in
      x | t) ;;
      *) echo "setup: other users cannot enter $folder: chmod o+x it, or move the checkout" >&2; exit 2 ;;
    esac
    folder=$(dirname "$folder")
  done
fi

if cmp -s package-lock.json "$installed" && [ -x node_modules/.bin/tsc ]; then exit 0; fi

for program in node npm; do
  command -v "$program" >/dev/null 2>&1 || { echo "setup: $program is missing: install Node.js 20 or newer" >&2; exit 2; }
done
echo "setup: npm ci"
npm ci --no-progress --loglevel=error
PATH="$PWD/node_modules/.bin:$PATH"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 24 ] || {
  echo "setup: no Node.js 24 package for this platform, and the machine's own is $(node -v): install Node.js 24" >&2
  exit 2
}
cp package-lock.json "$installed"

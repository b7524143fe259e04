#!/bin/sh
# Gets the clients that test/drivers runs through the gateway. What cannot be had says so in one line; the tests then skip it,
# and fail under CI=true.
set -u
cd "$(dirname "$0")"
./psql.sh
./python.sh
./jdbc.sh
./kubectl.sh
./prometheus.sh
./node-tier.sh && PATH="$PWD/../../node_modules/.bin:$PATH" node ../cluster/node/prepare.ts
exit 0

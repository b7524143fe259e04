#!/bin/sh
# kubectl and helm, which tests on a real Kubernetes use as people do.
set -u
cd "$(dirname "$0")/../.."
PATH="$PWD/node_modules/.bin:$PATH" exec node tools/cluster/fetch-clients.ts

#!/bin/sh
# Prometheus and promtool: alerts are proved, and dashboards are drawn, with the programs themselves.
set -u
for program in prometheus promtool; do
  command -v "$program" >/dev/null 2>&1 || { "$(dirname "$0")/packages.sh" "alerts are not proved without" prometheus; exit 0; }
done

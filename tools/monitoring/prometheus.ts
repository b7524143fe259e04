/** Prometheus, from the distribution. */
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** What is missing, in one line; undefined when nothing is. */
export function prometheusProblem(): string | undefined {
  const missing = ["prometheus", "promtool"].filter((program) => !isInstalled(program));
  return missing.length === 0
    ? undefined
    : `not installed: ${missing.join(" and ")} (tools/setup/prometheus.sh)`;
}

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

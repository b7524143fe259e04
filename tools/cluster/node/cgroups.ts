/** The control groups below which a cluster keeps its pods: one folder of its own in every hierarchy of the host. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const ROOT = "/sys/fs/cgroup";

/** `name` is the one that `remove.sh` removes again. */
export function makeControlGroups(name: string): void {
  for (const hierarchy of hierarchies()) {
    mkdirSync(`${hierarchy}/${name}`, { recursive: true });
    // In version 1 a new cpuset is empty, and nothing can run in it.
    for (const setting of ["cpuset.cpus", "cpuset.mems"]) {
      const value = `${hierarchy}/${setting}`;
      if (existsSync(value) && !existsSync(`${hierarchy}/cgroup.controllers`))
        writeFileSync(`${hierarchy}/${name}/${setting}`, readFileSync(value));
    }
  }
}

/** One in version 2, one for each controller in version 1. */
function hierarchies(): readonly string[] {
  if (existsSync(`${ROOT}/cgroup.controllers`)) return [ROOT];
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${ROOT}/${name}`);
}

/** The control groups below which a cluster keeps its pods: one folder of its own in every hierarchy of the host. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const ROOT = "/sys/fs/cgroup";
/** What a kubelet insists on, as far as the kernel has it. */
const CONTROLLERS = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];

/** `name` is the one that `remove.sh` removes again. */
export function makeControlGroups(name: string): void {
  if (existsSync(`${ROOT}/cgroup.controllers`)) {
    enableControllers();
    mkdirSync(`${ROOT}/${name}`);
    return;
  }
  const hierarchies = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const hierarchy of hierarchies) makeInVersion1(`${ROOT}/${hierarchy.name}`, name);
}

/** A folder has the controllers that the one above it hands down. They stay on: somebody else may count on them by then. */
function enableControllers(): void {
  const wordsIn = (file: string): string[] => readFileSync(`${ROOT}/${file}`, "utf8").trim().split(/\s+/);
  const enabled = wordsIn("cgroup.subtree_control");
  const missing = wordsIn("cgroup.controllers").filter(
    (name) => CONTROLLERS.includes(name) && !enabled.includes(name),
  );
  if (missing.length > 0)
    writeFileSync(`${ROOT}/cgroup.subtree_control`, missing.map((name) => `+${name}`).join(" "));
}

/** A folder for each controller. A new cpuset is empty, and nothing can run in it. */
function makeInVersion1(hierarchy: string, name: string): void {
  mkdirSync(`${hierarchy}/${name}`);
  for (const setting of ["cpuset.cpus", "cpuset.mems"])
    if (existsSync(`${hierarchy}/${name}/${setting}`))
      writeFileSync(`${hierarchy}/${name}/${setting}`, readFileSync(`${hierarchy}/${setting}`));
}

import { execFileSync } from "node:child_process";

/** Who the server runs as. PostgreSQL refuses to run as root, so root lends it an unprivileged account. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** True when files must be handed over to it. */
  readonly borrowed: boolean;
}

export function serverAccount(): Account {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  if (uid !== 0) return { uid, gid, borrowed: false };
  return { uid: numberOf("-u"), gid: numberOf("-g"), borrowed: true };
}

function numberOf(flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }).trim());
}

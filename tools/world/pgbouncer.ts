/** pgbouncer, pooling by session: what comes nearest to a gateway that keeps sessions apart. */
import { execFileSync } from "node:child_process";
import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePorts } from "../cluster/ports.ts";
import { serverAccount } from "../postgres/account.ts";
import { type Child, startChild } from "./child.ts";

export interface PgbouncerOptions {
  readonly upstreamPort: number;
  /** A folder of that name is made in it, which is the pooler's own. */
  readonly folder: string;
  readonly name?: string;
  /** Lines of `name` and `password`, both quoted. */
  readonly users: string;
  /** Lines of the section `pgbouncer`, after where it listens and what it pools by. */
  readonly settings: readonly string[];
}

export interface Pgbouncer {
  readonly port: number;
  readonly child: Child;
}

/** Debian has it where only root looks. */
export const SBIN = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };

export async function startPgbouncer(options: PgbouncerOptions): Promise<Pgbouncer> {
  const { upstreamPort, folder, name = "pgbouncer", users, settings } = options;
  const [port = 0] = await freePorts(1);
  const home = join(folder, name);
  await mkdir(home, { mode: 0o700 });
  const [usersFile, file] = [join(home, "users.txt"), join(home, "pgbouncer.ini")];
  await writeFile(usersFile, `${users}\n`, { mode: 0o600 });
  const lines = [
    "[databases]",
    `* = host=127.0.0.1 port=${upstreamPort}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "auth_type = trust",
    `auth_file = ${usersFile}`,
    "pool_mode = session",
    ...settings,
  ];
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  const { uid, gid, borrowed } = serverAccount();
  if (borrowed) for (const path of [home, usersFile, file]) await chown(path, uid, gid);
  await using opened = new AsyncDisposableStack();
  const child = opened.use(
    startChild(["pgbouncer", file], { environment: SBIN, ...(borrowed ? { uid } : {}) }),
  );
  // Not by connecting: pgbouncer 1.18 ends over clients that leave without a word.
  await child.line(new RegExp(`listening on 127\\.0\\.0\\.1:${port}`));
  opened.move();
  return { port, child };
}

/** As the program tells it; undefined where there is none. */
export function versionOf(program: string, flag: string): string | undefined {
  try {
    const text = execFileSync(program, [flag], { encoding: "utf8", env: SBIN });
    return /\d+\.\d+[\w.+-]*/.exec(text)?.[0] ?? "?";
  } catch {
    return undefined;
  }
}

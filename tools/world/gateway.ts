/** The real `sallyport gateway` as a child process, in front of a world. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "./child.ts";
import type { World } from "./world.ts";

export interface GatewayProcess extends Child {
  /** Where a listener on TCP was bound; waits until the gateway says so. */
  listener(name: string): Promise<{ readonly host: string; readonly port: number }>;
  readonly data: string;
  /** Folder of the trail. */
  readonly trail: string;
  /** Certificate authority of listeners that were given no certificate. */
  readonly authorityFile: string;
  /** Of all its processes now, the supervisor first. */
  pids(): readonly number[];
}

/** The command line, run from the sources. */
export const SALLYPORT = [
  process.execPath,
  fileURLToPath(new URL("../../cli/main.ts", import.meta.url)),
] as const;

/** The broker's user where root starts the gateway; undefined where everything is this user's. */
export const BROKER_UID: number | undefined = process.getuid?.() === 0 ? 64_801 : undefined;

export interface GatewayOptions {
  readonly words?: readonly string[];
  /** Kept when given, so that a gateway can come back to what another one left. */
  readonly data?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Everything of it runs as this user. */
  readonly uid?: number;
}

export function startGateway(
  { config, folder }: Pick<World, "config" | "folder">,
  { words = [], data = join(folder, "data"), environment = {}, uid }: GatewayOptions = {},
): GatewayProcess {
  const child = startChild(
    [...SALLYPORT, "gateway", "--config", config, "--data", data, "--grace", "1", ...words],
    { environment, folder, ...(uid === undefined ? {} : { uid }) },
  );
  return {
    ...child,
    data,
    trail: join(data, "trail"),
    authorityFile: join(data, "ca.pem"),
    pids: () => familyOf(child.pid),
    async listener(name) {
      const [, host = "", port = ""] = await child.line(
        new RegExp(`^ready +${name}: .*host=([^ "]+) port=(\\d+)`, "m"),
      );
      return { host, port: Number(port) };
    },
  };
}

function familyOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text
      .split(" ")
      .filter((word) => word !== "")
      .map(Number);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

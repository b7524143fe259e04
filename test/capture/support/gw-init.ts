/** `gw-init` as its image has it: a file that grants the capability to whoever may have it. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gwInitProgram } from "#tools/images/go-program.ts";
import { CAPTURE_PORT, DNS_PORT } from "#sidecar/pod/ports.ts";
import { type As, GATEWAY, type Place, inside } from "./network.ts";

/** The rules as text. */
export const RULES_FILE = fileURLToPath(new URL("../../../images/gw-init/capture.nft", import.meta.url));

export const INIT: As = { uid: 65_533, capabilities: ["net_admin"] };

export interface GwInit extends Disposable {
  readonly file: string;
  /** The same without the file's capability. */
  readonly plainFile: string;
}

export async function openGwInit(): Promise<GwInit> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-gw-init-"));
  chmodSync(folder, 0o755);
  const [file, plainFile] = [join(folder, "gw-init"), join(folder, "plain")];
  for (const copy of [file, plainFile]) {
    copyFileSync(await gwInitProgram(), copy);
    chmodSync(copy, 0o755);
  }
  execFileSync("setcap", ["cap_net_admin+p", file]);
  return { file, plainFile, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

export const ARGUMENTS = [
  `--uid=${GATEWAY.uid}`,
  `--capture=${CAPTURE_PORT}`,
  `--dns=${DNS_PORT}`,
  "--reserved=15000-15099",
] as const;

export interface Said {
  readonly status: number | null;
  readonly outcome: string;
  readonly cause?: string;
  readonly detail?: string;
  readonly remedy?: string;
  readonly proved?: readonly string[];
}

export function runGwInit(
  file: string,
  place: Place,
  {
    as = INIT,
    words = ARGUMENTS,
    before = [],
  }: { as?: As; words?: readonly string[]; before?: readonly string[] } = {},
): Said {
  const [program, ...rest] = inside(place, undefined, before);
  rest.push(...inside(place, as, [file, ...words]).slice(inside(place, undefined, []).length));
  const { status, stderr } = spawnSync(program, rest, { encoding: "utf8" });
  const lines = stderr.trim().split("\n");
  if (lines.length !== 1) throw new Error(`one line was expected: ${stderr}`);
  return { status, ...(JSON.parse(stderr) as Omit<Said, "status">) };
}

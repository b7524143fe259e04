/** One run: everything started, row after row measured, everything ended. */
import { cpus, loadavg, release } from "node:os";
import type { GatewayKind } from "./kinds.ts";
import { openProbe } from "./probe.ts";
import type { Results, RowFigures } from "./results.ts";
import { ROWS } from "./rows/index.ts";
import { openWorld } from "./world.ts";

export interface RunOptions {
  readonly kinds: readonly GatewayKind[];
  /** Ids, or how they begin; undefined: every row. */
  readonly only: readonly string[] | undefined;
  readonly length: "long" | "short";
  readonly onRow: (id: string, figures: RowFigures) => void;
}

export async function run({ kinds, only, length, onRow }: RunOptions): Promise<Results> {
  const at = new Date();
  const before = loadNow();
  await using world = await openWorld(kinds);
  const probe = await openProbe(world.signIn);
  const rows: Record<string, RowFigures> = {};
  const bench = { probe, targets: world.targets, length, idle: () => world.idle(probe) };
  for (const { id, isLong, measure } of ROWS) {
    if (isLong === true && length === "short") continue;
    if (only?.some((word) => id.startsWith(word)) === false) continue;
    const figures = await measure(bench);
    rows[id] = figures;
    onRow(id, figures);
  }
  return {
    at: at.toISOString(),
    machine: { processor: cpus()[0]?.model ?? "?", processors: cpus().length, kernel: release() },
    load: { before, after: loadNow() },
    versions: world.versions,
    seconds: (Date.now() - at.getTime()) / 1_000,
    rows,
  };
}

const loadNow = (): number => Number((loadavg()[0] ?? Number.NaN).toFixed(2));

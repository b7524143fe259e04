/** One run: everything started, row after row measured, everything ended. */
import { cpus, loadavg, release } from "node:os";
import type { Profile } from "../profile/frames.ts";
import { takeProfile, targetFor } from "../profile/take.ts";
import { GATEWAYS, type GatewayKind } from "./kinds.ts";
import { type Probe, openProbe } from "./probe.ts";
import type { Results, RowFigures } from "./results.ts";
import { ROWS } from "./rows/index.ts";
import { type Target, openWorld } from "./world.ts";

const PROFILED = ["simple", "prepared", "strict", "bulk-plain", "bulk-redacted"] as const;
const PROFILE_SECONDS = 3;
const FRAMES_KEPT = 8;

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
  const profiles = length === "long" && only === undefined ? await profilesOf(probe, world.targets) : {};
  return {
    at: at.toISOString(),
    machine: { processor: cpus()[0]?.model ?? "?", processors: cpus().length, kernel: release() },
    load: { before, after: loadNow() },
    versions: world.versions,
    seconds: (Date.now() - at.getTime()) / 1_000,
    rows,
    profiles,
  };
}

async function profilesOf(probe: Probe, targets: readonly Target[]): Promise<Results["profiles"]> {
  const profiles: Record<string, Profile> = {};
  for (const activity of PROFILED) {
    const gateway = targetFor(activity, targets, GATEWAYS.one.name);
    if (gateway === undefined) continue;
    const wish = { activity, program: "worker", seconds: PROFILE_SECONDS } as const;
    const profile = await takeProfile(probe, gateway, wish);
    profiles[activity] = { ...profile, frames: profile.frames.slice(0, FRAMES_KEPT) };
  }
  return profiles;
}

const loadNow = (): number => Number((loadavg()[0] ?? Number.NaN).toFixed(2));

/** What thousands of sessions weigh that ask nothing, in front of a server that is a script. */
import { filesMax, residentKb, settledCpuUs } from "../processes.ts";
import { Collected, type RowFigures } from "../results.ts";
import { figure } from "../statistics.ts";
import type { Bench, Row } from "./row.ts";

const SESSIONS = { long: 8_000, short: 2_000 } as const;
/** Of a process beside its sessions, each of which has two sockets. */
const FILES_KEPT = 500;
/** Opened and closed before anything is weighed: what the first session brings along is no session's. */
const FIRST_SESSIONS = 32;

export const IDLE: Row = {
  id: "idle",
  async measure({ probe, idle, length }: Bench): Promise<RowFigures> {
    await using world = await idle();
    const sessions = Math.min(SESSIONS[length], Math.floor((filesMax() - FILES_KEPT) / 2));
    const collected = new Collected(world.targets);
    for (const target of world.targets) {
      const pids = target.pids();
      {
        await using _first = await probe.hold(target, FIRST_SESSIONS);
      }
      await settledCpuUs(pids);
      const before = residentKb(pids);
      await using held = await probe.hold(target, sessions);
      await settledCpuUs(pids);
      const after = residentKb(pids);
      collected.add(target.name, {
        sessions,
        kbEach: ((after - before) * 1.024) / sessions,
        residentMb: (after * 1_024) / 1_000_000,
        openedPerSecond: sessions / (held.tookUs / 1_000_000),
      });
    }
    return collected.figures(figure);
  },
};

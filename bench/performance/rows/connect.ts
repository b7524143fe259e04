/** From nothing to the first row: connect, sign in, ask one thing. */
import { Collected, type RowFigures } from "../results.ts";
import { ONE_ROW } from "../schema.ts";
import { figure, quantile } from "../statistics.ts";
import type { Bench, Row } from "./row.ts";

const ROUNDS = { long: 200, short: 50 } as const;
const PARTS = 5;

export const CONNECT: Row = {
  id: "connect",
  async measure({ probe, targets, length }: Bench): Promise<RowFigures> {
    const asked = targets.filter(({ strictOf }) => strictOf === undefined);
    const rounds = ROUNDS[length];
    const times = await probe.connect(asked, ONE_ROW.simple, rounds);
    const collected = new Collected(asked);
    const size = rounds / PARTS;
    for (let part = 0; part < PARTS; part += 1)
      for (const [name, us] of times) {
        const own = us.slice(part * size, (part + 1) * size);
        collected.add(name, { p50Ms: quantile(own, 0.5) / 1_000, p90Ms: quantile(own, 0.9) / 1_000 });
      }
    return collected.figures(figure);
  },
};

import { openAnalyst } from "#sidecar/statements/analyst.ts";
import type { Analyse } from "./asking.ts";

/** The gateway's own analyst, for as long as the work takes. Its parser starts with the first statement. */
export async function withAnalyst<Result>(work: (analyse: Analyse) => Promise<Result>): Promise<Result> {
  await using analyst = openAnalyst();
  return await work(async (text, context) => analyst.analyse(text, context));
}

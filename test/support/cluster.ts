import { apiTierProblem } from "#tools/cluster/api-tier.ts";
import { nodeTierProblem } from "#tools/cluster/node/problem.ts";

/**
 * For `describe(…, { skip: skipWithoutApiTier() }, …)`: false where the API server can run, else one line that says why not.
 * Under CI=true nothing is skipped; the throw fails the file.
 */
export function skipWithoutApiTier(): string | false {
  const problem = apiTierProblem();
  if (problem === undefined) return false;
  if (process.env["CI"] === "true") throw new Error(problem);
  return problem;
}

/** The same for a node that runs pods. */
export function skipWithoutNodeTier(): string | false {
  const problem = nodeTierProblem();
  if (problem === undefined) return false;
  if (process.env["CI"] === "true") throw new Error(problem);
  return problem;
}

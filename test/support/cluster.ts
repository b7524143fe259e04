import { apiTierProblem } from "#tools/cluster/api-tier.ts";

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

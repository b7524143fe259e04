/** The rule that the documentation offers for what drivers and tools look up, as it stands there. */
import { readFileSync } from "node:fs";
import { fencesOf } from "#test/docs/fences.ts";

const PAGE = "docs/policy-language.md";

/** For one Connection of the namespace `test`, and whoever has a token of `world`. */
export function introspectionFor(connection: string): string {
  const text = readFileSync(new URL(`../../${PAGE}`, import.meta.url), "utf8");
  const fence = fencesOf(PAGE, text).find((each) => each.text.includes("name: look-at-the-schema"));
  if (fence === undefined) throw new Error(`${PAGE} has no rule look-at-the-schema`);
  return fence.text
    .replace("namespace: shop", "namespace: test")
    .replace(/subjects: .*/, "subjects: [{ oidc: { provider: world } }]")
    .replace(/names: \[.*\]/, `names: [${connection}]`);
}

/** Who stands above the first agent, from what the API server said of whoever launched it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type RootSetting, rootOf } from "#operator/broker/lineage/roots.ts";

const FORGE: RootSetting = { userPrefix: "ci:", kind: "ci", provider: "forge", claims: { team: "ci:team=" } };
const claimsOf = (user: string, groups: readonly string[], ...settings: readonly RootSetting[]) =>
  rootOf({ user, groups, uid: "", credential: "" }, settings).identity.oidc?.claims;

test("a claim is the group that begins as it is told, or all of them; groups of others are none", () => {
  const others = ["system:authenticated", "ci:teams=x", "xci:team=y"];
  assert.deepEqual(claimsOf("ci:a", others, FORGE), { sub: "a" });
  assert.deepEqual(claimsOf("ci:a", ["ci:team=blue", ...others], FORGE), { sub: "a", team: "blue" });
  assert.deepEqual(claimsOf("ci:a", ["ci:team=blue", "ci:team=red"], FORGE)?.["team"], ["blue", "red"]);
  assert.deepEqual(claimsOf("ci:a", ["ci:team="], FORGE), { sub: "a", team: "" });
});

test("no group takes the place of the claim that the name is, and none counts for users of another issuer", () => {
  const sly = { ...FORGE, claims: { sub: "ci:team=" } };
  assert.deepEqual(claimsOf("ci:a", ["ci:team=b"], sly), { sub: "a" });
  assert.equal(claimsOf("ada", ["ci:team=blue"], FORGE), undefined);
  const narrower: RootSetting = { userPrefix: "ci:other:", kind: "ci", provider: "other" };
  assert.deepEqual(claimsOf("ci:other:a", ["ci:team=blue"], FORGE, narrower), { sub: "a" });
});

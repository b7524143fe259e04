/** The limits of docs/limits.md that come from the rules of decision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decideStatement, policy } from "./world.ts";

const ON_TRIAL = policy(`
mode: observe
allow:
  - name: read
    postgres: {statements: [read], tables: [public.customers]}
`);

const GUARDRAIL = `
apiVersion: sallyport.dev/v1alpha1
kind: ClusterSecretAccessPolicy
metadata: {name: everywhere}
spec:
  mask:
    - postgres: {columns: ["*.*.email"]}
`;

test("Observe mode beside a guardrail: an enforcing guardrail for everything ends the trial", async () => {
  const select = "select id from customers where id = 1";
  assert.equal((await decideStatement([ON_TRIAL], select)).code, "OBSERVED");
  assert.equal((await decideStatement([ON_TRIAL, GUARDRAIL], select)).outcome, "deny");
});

test("Expiry by the clock: whoever decides says what time it is", async () => {
  const temporary = policy(`
expires: 2026-01-01T00:00:00Z
allow:
  - name: read
    postgres: {statements: [read], tables: [public.customers]}
`);
  const select = "select id from customers where id = 1";
  assert.equal((await decideStatement([temporary], select, Date.UTC(2025, 11, 31))).outcome, "allow");
  assert.equal((await decideStatement([temporary], select, Date.UTC(2026, 0, 1))).outcome, "deny");
});

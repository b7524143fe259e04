import assert from "node:assert/strict";
import { test } from "node:test";
import { allowing, attach, granted, newSession, refusedWith, startRig } from "./support/broker.ts";
import { forEver } from "./support/upstream.ts";

test("a listener takes the tokens of its own providers and of no other", async (context) => {
  const rig = await startRig(context);
  const taking = (...providers: string[]) => ({ kind: "perClient", providers }) as const;
  const listeners = { here: taking("test"), elsewhere: taking("corporate"), nobody: taking() };
  rig.broker.update(rig.configure({ connections: [], policies: [allowing("agent")], listeners }));
  const { port } = await attach(rig.broker);
  const identify = (listener: string) =>
    port.identify(
      { session: newSession(), listener, evidence: { kind: "token", token: rig.token("agent") } },
      forEver,
    );
  assert.equal(granted(await identify("here")).caller.identity.oidc?.provider, "test");
  refusedWith(await identify("elsewhere"), "IDENTITY_INVALID");
  refusedWith(await identify("nobody"), "IDENTITY_INVALID");
});

/** Keys of a record are made ahead for a listener that has been somebody until now, and nothing is left of them where it is nobody. */
import assert from "node:assert/strict";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { keysAhead } from "#broker/keys-ahead.ts";
import { allowing, attach, granted, newSession, refusedWith, startRig } from "./support/broker.ts";
import { forEver } from "./support/upstream.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("keys that were made ahead are the session's; those that were dropped are wiped", async (context) => {
  const { trail } = await startRig(context);
  const [taken, dropped] = [newSession(), newSession()];
  const keysOf = async (session: string): Promise<string> =>
    hex(granted(await trail.openSession(session, forEver)).digestKey);
  const ahead = keysAhead(trail, taken, forEver);
  assert.equal(hex(granted(await ahead.keys).digestKey), await keysOf(taken));
  const lost = keysAhead(trail, dropped, forEver);
  const before = hex(granted(await lost.keys).digestKey);
  assert.equal(await keysOf(dropped), before);
  await lost.drop();
  assert.notEqual(await keysOf(dropped), before);
});

test("whoever is nobody leaves keys once at most, and nothing on record", async (context) => {
  const rig = await startRig(context);
  const path = join(rig.folder, "token");
  const write = (): void => writeFileSync(path, rig.token("agent"), { mode: 0o600 });
  const listeners = { main: { kind: "ambient", from: "file", path } as const };
  const configured = rig.configure({ connections: [], policies: [allowing("agent")], listeners });
  rig.broker.update(configured);
  const { port } = await attach(rig.broker);
  const identify = (session = newSession()) =>
    port.identify({ session, listener: "main", evidence: { kind: "ambient" } }, forEver);
  const keyBytes = async (): Promise<number> => {
    const folder = join(rig.folder, "trail/session-keys");
    const names = await readdir(folder);
    return names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  };

  const strangersBytes = await keyBytes();
  refusedWith(await identify(), "IDENTITY_MISSING");
  assert.equal(await keyBytes(), strangersBytes, "nobody was known there, so nothing was made ahead");

  write();
  const known = newSession();
  const grant = granted(await identify(known));
  const one = (await keyBytes()) - strangersBytes;
  assert.ok(one > 0);
  assert.equal(hex(granted(await identify(known)).digestKey), hex(grant.digestKey));
  granted(await identify());

  rmSync(path);
  const before = await keyBytes();
  for (let count = 0; count < 5; count += 1) refusedWith(await identify(), "IDENTITY_MISSING");
  const left = (await keyBytes()) - before;
  assert.ok(left > 0 && left < one * 2, `${left} bytes`);

  write();
  const session = newSession();
  granted(await identify(session));
  // What was found out by the words of before is not guessed by.
  rmSync(path);
  rig.broker.update(configured);
  const updated = await keyBytes();
  refusedWith(await identify(), "IDENTITY_MISSING");
  assert.equal(await keyBytes(), updated);
  assert.deepEqual(rig.trail.unfinished(), []);
});

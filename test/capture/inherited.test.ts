/** Which listeners are the gateway's by inheritance. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inheritedPlaces } from "#sidecar/pod/inherited.ts";

const TOLD = { LISTEN_PID: "7", LISTEN_FDS: "3", LISTEN_FDNAMES: "tcp4-15001:tcp6-15001:tcp-15021" } as const;
const own = (host: string, port: number) => ({ host, port, exclusive: true });

test("each by its family and port, in the order of their numbers", () => {
  const place = inheritedPlaces(TOLD, 7);
  assert.deepEqual(place("127.0.0.1", 15_001), { fd: 3 });
  assert.deepEqual(place("::1", 15_001), { fd: 4 });
  for (const everywhere of ["::", "0.0.0.0"]) assert.deepEqual(place(everywhere, 15_021), { fd: 5 });
});

test("what was not opened before, is opened", () => {
  const place = inheritedPlaces(TOLD, 7);
  assert.deepEqual(place("127.0.0.1", 15_053), own("127.0.0.1", 15_053));
  assert.deepEqual(place("127.0.0.1", 15_021), own("127.0.0.1", 15_021));
  assert.deepEqual(place("::", 15_001), own("::", 15_001));
});

test("what was told to another process, or not at all, counts for nothing", () => {
  for (const variables of [
    {},
    { ...TOLD, LISTEN_PID: "8" },
    { ...TOLD, LISTEN_FDS: "0" },
    { ...TOLD, LISTEN_FDS: "x" },
  ])
    assert.deepEqual(inheritedPlaces(variables, 7)("::1", 15_001), own("::1", 15_001));
});

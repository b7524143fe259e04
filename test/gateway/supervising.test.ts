/** The parts of the supervisor that decide: who runs as whom, who serves which client, what a process may say. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { chooseAccounts } from "#cli/gateway/accounts.ts";
import { openPlacement } from "#cli/gateway/placement.ts";
import { commands } from "#cli/commands.ts";
import { loadKinds } from "#core/api/load.ts";
import { PortViolation } from "#core/port/shapes.ts";
import { pack, unpack } from "#runtime/process-messages.ts";
import { clientCheck } from "#sidecar/process/client-check.ts";
import { fromWorker, toWorker } from "#sidecar/process/messages.ts";

const FILES = {
  passwd: "root:x:0:0::/:/bin/sh\nsallyport-broker:x:900:900::/:/bin/false\nworker:x:901:901::/:/bin/false\n",
  group: "root:x:0:\nsallyport:x:950:\nother:x:951:\n",
};
const NOTHING = { brokerUid: undefined, dataPlaneUid: undefined, group: undefined };
const asRoot = (wishes: Partial<Record<keyof typeof NOTHING, string>>) =>
  chooseAccounts({ ...NOTHING, ...wishes }, 0, () => FILES);

test("root gives each half a user of its own: named, by number, or one that nobody has", () => {
  assert.deepEqual(asRoot({}), { broker: { uid: 900, gid: 950 }, dataPlane: { uid: 64_802, gid: 950 } });
  assert.deepEqual(asRoot({ brokerUid: "12", dataPlaneUid: "worker", group: "other" }), {
    broker: { uid: 12, gid: 951 },
    dataPlane: { uid: 901, gid: 951 },
  });
});

function refusedInWords(answer: ReturnType<typeof chooseAccounts>, words: RegExp): void {
  assert.ok(typeof answer === "string", "it was accepted");
  assert.match(answer, words);
}

test("users that are unknown, root, or the same for both are refused in words", () => {
  refusedInWords(asRoot({ brokerUid: "nobody-here" }), /no user nobody-here/);
  refusedInWords(asRoot({ group: "nobody-here" }), /no group nobody-here/);
  refusedInWords(asRoot({ dataPlaneUid: "99999999999" }), /no user/);
  for (const uid of ["0", "root"]) refusedInWords(asRoot({ dataPlaneUid: uid }), /neither .* runs as root/);
  refusedInWords(asRoot({ brokerUid: "901", dataPlaneUid: "worker" }), /different users/);
});

test("whoever is not root runs everything, and cannot ask for more", () => {
  assert.equal(chooseAccounts(NOTHING, 1000), undefined);
  refusedInWords(chooseAccounts({ ...NOTHING, group: "sallyport" }, 1000), /only root/);
});

class Client extends EventEmitter {
  isDestroyed = false;
  destroy(): void {
    this.isDestroyed = true;
  }
}
const socket = (client: Client): Socket => client as unknown as Socket;

test("workers are taken in turn, and one that is gone is passed over", () => {
  const served: number[] = [];
  const gone = new Set<number>();
  const target = (number: number) => ({
    take: () => {
      if (gone.has(number)) return false;
      served.push(number);
      return true;
    },
  });
  const placement = openPlacement({ ready: () => [0, 1, 2].map(target) });
  const place = (count: number): void => {
    for (let at = 0; at < count; at += 1) placement.place(socket(new Client()), "agents");
  };
  place(6);
  assert.deepEqual(served.toSorted(), [0, 0, 1, 1, 2, 2]);
  gone.add(1);
  served.length = 0;
  place(6);
  assert.equal(served.length, 6);
  assert.ok(!served.includes(1));
});

test("without a worker clients wait for one, in their order and within bounds", async () => {
  const served: Socket[] = [];
  let ready = false;
  const target = {
    take: (client: Socket) => {
      served.push(client);
      return true;
    },
  };
  const placement = openPlacement({ ready: () => (ready ? [target] : []), waitMs: 20 });
  const late = new Client();
  placement.place(socket(late), "agents");
  while (!late.isDestroyed) await new Promise((resolve) => setTimeout(resolve, 1));
  const clients = Array.from({ length: 1_030 }, () => new Client());
  for (const client of clients) placement.place(socket(client), "agents");
  assert.equal(clients.filter(({ isDestroyed }) => isDestroyed).length, 6);
  ready = true;
  placement.retry();
  assert.deepEqual(served, clients.slice(0, 1_024).map(socket));
  placement.close();
  const afterwards = new Client();
  ready = false;
  placement.place(socket(afterwards), "agents");
  assert.ok(afterwards.isDestroyed);
});

test("what processes say to each other is read as strictly as anything from outside", () => {
  const key = Buffer.from("0123456789abcdef");
  const said = unpack(fromWorker, JSON.parse(JSON.stringify(pack(fromWorker, { kind: "cancel", key }))));
  assert.deepEqual(said, { kind: "cancel", key });
  const broken: readonly unknown[] = [
    undefined,
    "drain",
    { body: { kind: "cancel", key: 0 }, parts: [] },
    { body: { kind: "started" }, parts: ["AAAA"] },
    { body: { kind: "started", more: 1 }, parts: [] },
    { body: { kind: "metrics", id: -1, text: "" }, parts: [] },
    { body: { kind: "exec" }, parts: [] },
    {
      body: { kind: "state", isConnected: true, planVersion: "", sessions: 0, missing: Array(17).fill("") },
      parts: [],
    },
  ];
  for (const message of broken) assert.throws(() => unpack(fromWorker, message), PortViolation);
  assert.throws(() => unpack(toWorker, { body: { kind: "drain" }, parts: [] }), PortViolation);
});

test("a port that is one user's refuses others, and whom it cannot tell", async () => {
  const listener = { onlyUid: 1000 } as Parameters<ReturnType<typeof clientCheck>>[1];
  const ask = (owner: number | undefined, of = listener) =>
    clientCheck(() => Promise.resolve(owner))(socket(new Client()), of);
  assert.equal(await ask(1000), undefined);
  assert.equal((await ask(1001))?.code, "IDENTITY_INVALID");
  assert.equal((await ask(0))?.code, "IDENTITY_INVALID");
  assert.equal((await ask(undefined))?.code, "IDENTITY_AMBIGUOUS");
  assert.equal(await ask(undefined, { ...listener, onlyUid: undefined }), undefined);
});

test("the Gateway that `sallyport help listeners` prints is valid", () => {
  const text = commands.gateway.topics?.["LISTENERS"]?.((_style, word) => word) ?? "";
  const { gateways, diagnostics } = loadKinds([{ path: "gateway.yaml", text }]);
  assert.equal(gateways.length, 1);
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity === "error"),
    [],
  );
});

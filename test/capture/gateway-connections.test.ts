/** The gateway's own connections: they end as connections end, and nobody else gets to use what is left of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Attempt, type Outcome, attemptOne, leaving, serve } from "./support/attempts.ts";
import { type GwInit, RULES_FILE, openGwInit, runGwInit } from "./support/gw-init.ts";
import {
  GATEWAY,
  type Network,
  type Place,
  WORLD,
  captureProblem,
  openNetwork,
  outputIn,
  startIn,
} from "./support/network.ts";

const PROGRAM = fileURLToPath(new URL("programs/last-bytes.py", import.meta.url));
const SIZE_BYTES = 600_000;
const WAIT_MS_MAX = 30_000;
const POLL_MS = 100;

async function untilPortIsFree(act: () => Promise<Outcome>): Promise<Outcome> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const outcome = await act();
    if (outcome.outcome !== "EADDRNOTAVAIL" && outcome.outcome !== "EADDRINUSE") return outcome;
    assert.ok(performance.now() < deadlineMs, "the kernel does not let go of the port");
    await pause(POLL_MS);
  }
}

const stack = new AsyncDisposableStack();
let network: Network;
let init: GwInit;

describe("the gateway's own connections", { skip: captureProblem() ?? false }, () => {
  before(async () => {
    network = stack.use(await openNetwork());
    init = stack.use(await openGwInit());
    assert.equal(runGwInit(init.file, network.pod).status, 0);
    const addresses = [WORLD.v4, WORLD.v6];
    stack.use(await serve(network.world, undefined, { name: "WORLD", tcp: [443], udp: [5000], addresses }));
    const capture = { name: "GATEWAY", tcp: [15_001], addresses: ["127.0.0.1", "::1"] };
    stack.use(await serve(network.pod, GATEWAY, capture));
    // The second pod has the rules without the lines about closed sockets.
    const text = readFileSync(RULES_FILE, "utf8").split("\n");
    const simpler = text.map((line) =>
      line.includes("ct mark set") || !line.includes("0x5a11") ? line : "",
    );
    const define = ["--define", `GATEWAY=${GATEWAY.uid}`];
    await outputIn(
      network.bare,
      undefined,
      "sh",
      "-c",
      `nft ${define.join(" ")} -f - <<'END'\n${simpler.join("\n")}\nEND`,
    );
  });
  after(() => stack.disposeAsync());

  async function receivedFrom(place: Place, host: string, port: number): Promise<number> {
    const command = (role: string) => [
      "/usr/bin/python3",
      PROGRAM,
      role,
      host,
      String(port),
      String(SIZE_BYTES),
    ];
    await using receiver = await startIn(network.world, undefined, command("receive"));
    await receiver.line(/^listening$/m);
    await outputIn(place, GATEWAY, ...command("send"));
    return Number((await receiver.line(/^received (\d+)$/m))[1]);
  }

  test("what a closed socket still had to send arrives, to the last byte", async () => {
    assert.equal(await receivedFrom(network.pod, WORLD.v4, 7001), SIZE_BYTES);
    assert.equal(await receivedFrom(network.pod, WORLD.v6, 7001), SIZE_BYTES);
  });

  test("rules that only know whose socket it is lose it", async () => {
    assert.ok((await receivedFrom(network.bare, WORLD.v4, 7002)) < SIZE_BYTES);
  });

  test("an agent cannot go on with a connection that the gateway left half closed", async () => {
    const [port, sourcePort] = [7003, 40_300];
    // The kernel forgets its end soon; what it knows of the connection for the rules stays for two minutes.
    await outputIn(network.pod, undefined, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_fin_timeout");
    const hold = `import socket, time
server = socket.create_server(("${WORLD.v4}", ${port})); print("listening", flush=True)
kept = [server.accept(), server.accept()]`;
    await using holder = await startIn(network.world, undefined, ["/usr/bin/python3", "-c", hold]);
    await holder.line(/^listening$/m);
    const dial = `import socket
socket.create_connection(("${WORLD.v4}", ${port}), 1, ("${network.pod.ipv4}", ${sourcePort}))`;
    await outputIn(network.pod, GATEWAY, "/usr/bin/python3", "-c", dial);
    const one: Attempt = {
      protocol: "tcp",
      host: WORLD.v4,
      port,
      source: network.pod.ipv4,
      sourcePort,
      seconds: 0.3,
    };
    const left = await leaving({ world: network.world, place: network.pod, device: "pod1" }, async () => {
      const later = await untilPortIsFree(() => attemptOne(network.pod, one));
      assert.match(later.outcome, /^(?:EHOSTUNREACH|EACCES|EPERM)$/);
    });
    assert.deepEqual(left, []);
  });

  for (const [number, host] of [WORLD.v4, WORLD.v6].entries()) {
    test(`an agent that takes a closed connection's port gets a captured one: ${host}`, async () => {
      const source = host === WORLD.v4 ? network.pod.ipv4 : network.pod.ipv6;
      const one: Attempt = { protocol: "tcp", host, port: 443, source, sourcePort: 40_100 + number };
      assert.match((await attemptOne(network.pod, one, GATEWAY)).by ?? "nobody", /^WORLD/);
      const later = await attemptOne(network.pod, one);
      // As long as the kernel waits for stragglers, the port is not to be had.
      assert.ok(
        later.by?.startsWith("GATEWAY") === true || later.outcome === "EADDRNOTAVAIL",
        JSON.stringify(later),
      );
    });

    test(`an agent that takes the port of a gateway's datagrams sends none: ${host}`, async () => {
      const source = host === WORLD.v4 ? network.pod.ipv4 : network.pod.ipv6;
      const one: Attempt = { protocol: "udp", host, port: 5000, source, sourcePort: 40_200 + number };
      assert.equal((await attemptOne(network.pod, one, GATEWAY)).by, "WORLD");
      const left = await leaving({ world: network.world, place: network.pod, device: "pod1" }, async () => {
        assert.equal((await attemptOne(network.pod, one)).outcome, "EPERM");
      });
      assert.deepEqual(left, []);
    });
  }
});

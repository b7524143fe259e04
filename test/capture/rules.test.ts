/** What the rules do to a pod, each attempt beside the same one in a pod without them, where it gets through. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Attempt, type Serving, attempt, attemptOne, leaving, serve } from "./support/attempts.ts";
import { type GwInit, openGwInit, runGwInit } from "./support/gw-init.ts";
import {
  AGENT,
  type As,
  GATEWAY,
  type Network,
  type Place,
  WORLD,
  captureProblem,
  openNetwork,
  outputIn,
} from "./support/network.ts";

const problem = captureProblem();
const stack = new AsyncDisposableStack();
let network: Network;
let init: GwInit;

const everywhere = Object.values(WORLD);
const IN_THE_WORLD: Serving = {
  name: "WORLD",
  tcp: [53, 80, 443, 5432, 6443, 15_001],
  udp: [53, 443, 5000],
  addresses: everywhere,
};
const CAPTURE: Serving = {
  name: "GATEWAY",
  tcp: [15_001, 15_053],
  udp: [15_053],
  addresses: ["127.0.0.1", "::1"],
};

describe("a captured pod", { skip: problem ?? false }, () => {
  before(async () => {
    network = stack.use(await openNetwork());
    init = stack.use(await openGwInit());
    const { pod, bare, world } = network;
    assert.equal(runGwInit(init.file, pod).status, 0);
    const start = async (place: Place, as: As | undefined, what: Serving): Promise<void> => {
      stack.use(await serve(place, as, what));
    };
    await Promise.all([
      start(world, undefined, IN_THE_WORLD),
      start(pod, GATEWAY, CAPTURE),
      // As the gateway's health is, on every address.
      start(pod, GATEWAY, {
        name: "HEALTH",
        tcp: [15_021],
        addresses: ["127.0.0.1", "::1", pod.ipv4, pod.ipv6],
      }),
      start(pod, AGENT, {
        name: "APP",
        tcp: [8000],
        udp: [8000],
        addresses: ["127.0.0.1", "::1", pod.ipv4, pod.ipv6],
      }),
      // Listens where only the gateway's rules could keep others away.
      start(bare, GATEWAY, { ...CAPTURE, addresses: ["127.0.0.1", bare.ipv4] }),
    ]);
  });
  after(() => stack.disposeAsync());

  const fromPod = () => ({ world: network.world, place: network.pod, device: "pod1" });
  const fromBare = () => ({ world: network.world, place: network.bare, device: "pod2" });

  /** Without rules it reaches the world; with them it is redirected, and the gateway knows where it was going. */
  function captured(what: string, one: Attempt, wanted: string = one.host): void {
    test(`${what} is captured, destination known`, async () => {
      assert.match((await attemptOne(network.bare, one)).by ?? "nobody", /^WORLD/);
      assert.equal((await attemptOne(network.pod, one)).by, `GATEWAY ${wanted} ${one.port}`);
    });
  }

  captured("TCP over IPv4", { protocol: "tcp", host: WORLD.v4, port: 5432 });
  captured("TCP over IPv6", { protocol: "tcp", host: WORLD.v6, port: 5432 });
  captured(
    "TCP over IPv4 in IPv6's clothes",
    { protocol: "tcp", host: `::ffff:${WORLD.v4}`, port: 443 },
    WORLD.v4,
  );
  captured("MPTCP (T26)", { protocol: "mptcp", host: WORLD.v4, port: 443 });
  captured("the cloud's metadata (T29)", { protocol: "tcp", host: WORLD.metadata, port: 80 });
  captured("the cluster's API (T29)", { protocol: "tcp", host: WORLD.api, port: 6443 });
  captured("a port of the gateway's number elsewhere", { protocol: "tcp", host: WORLD.v4, port: 15_001 });
  captured("DNS over TCP", { protocol: "tcp", host: WORLD.resolver, port: 53 });

  test("a socket bound to its source address is captured (T26)", async () => {
    const one = (place: Place): Attempt => ({
      protocol: "tcp",
      host: WORLD.v4,
      port: 443,
      source: place.ipv4,
    });
    assert.match((await attemptOne(network.bare, one(network.bare))).by ?? "nobody", /^WORLD/);
    assert.equal((await attemptOne(network.pod, one(network.pod))).by, `GATEWAY ${WORLD.v4} 443`);
  });

  test("a socket bound to the device that leads out gets nowhere, not even to the node (T26)", async () => {
    const device = "eth0";
    const outside: Attempt = { protocol: "tcp", host: WORLD.v4, port: 443, device };
    assert.match((await attemptOne(network.bare, outside)).by ?? "nobody", /^WORLD/);
    const sent: Attempt[] = [
      outside,
      { protocol: "udp", host: WORLD.v4, port: 53, device },
      // Addresses of the pod's own, which the device takes to the node: its loopback may be open to them.
      { protocol: "udp", host: "127.0.0.1", port: 5000, device },
      { protocol: "tcp", host: "127.0.0.1", port: 5000, device },
      { protocol: "udp", host: "127.0.0.1", port: 15_053, device },
    ].map((one): Attempt => ({ ...one, seconds: 0.1 }) as Attempt);
    const without = await leaving(fromBare(), () => attempt(network.bare, sent));
    assert.ok(without.includes(`17 ${network.bare.ipv4} 127.0.0.1 5000`), without.join("\n"));
    assert.ok(without.includes(`6 ${network.bare.ipv4} 127.0.0.1 5000`), without.join("\n"));
    const left = await leaving(fromPod(), async () => {
      const outcomes = await attempt(network.pod, sent);
      assert.deepEqual(
        outcomes.filter(({ outcome }) => outcome === "answered"),
        [],
      );
    });
    assert.deepEqual(left, []);
  });

  test("whoever is asked for a name, the gateway answers, in their name", async () => {
    for (const host of [WORLD.resolver, WORLD.resolver6, WORLD.v4]) {
      const one: Attempt = { protocol: "udp", host, port: 53 };
      assert.equal((await attemptOne(network.bare, one)).by, "WORLD");
      assert.deepEqual(await attemptOne(network.pod, one), {
        outcome: "answered",
        by: "GATEWAY",
        from: host,
        fromPort: 53,
      });
    }
  });

  /** The kernel remembers who asked from a port for half a minute after the socket is gone. */
  test("the gateway's own questions reach its name servers from ports that others have asked from, and not the other way round", async () => {
    const { pod } = network;
    const from = (sourcePort: number, host: string): Attempt => {
      const source = host.includes(":") ? pod.ipv6 : pod.ipv4;
      return { protocol: "udp", host, port: 53, source, sourcePort };
    };
    for (const host of [WORLD.resolver, WORLD.resolver6]) {
      assert.equal((await attemptOne(pod, from(40_053, host), AGENT)).by, "GATEWAY");
      assert.equal((await attemptOne(pod, from(40_053, host), GATEWAY)).by, "WORLD");
      assert.equal((await attemptOne(pod, from(40_054, host), GATEWAY)).by, "WORLD");
      assert.equal((await attemptOne(pod, from(40_054, host), AGENT)).by, "GATEWAY");
    }
  });

  /** Without rules it is answered; with them the kernel refuses to send it at all. */
  function refused(what: string, one: Attempt): void {
    test(`${what} is refused`, async () => {
      assert.equal((await attemptOne(network.bare, one)).outcome, "answered");
      assert.equal((await attemptOne(network.pod, one)).outcome, "EPERM");
    });
  }

  refused("QUIC over IPv4 (T24)", { protocol: "udp", host: WORLD.v4, port: 443 });
  refused("QUIC over IPv6 (T24, T25)", { protocol: "udp", host: WORLD.v6, port: 443 });
  refused("any other UDP (T24)", { protocol: "udp", host: WORLD.v4, port: 5000 });

  test("ping is refused, even where every group may ping (T24)", async () => {
    const pings = (seconds: number): Attempt[] => [
      { protocol: "ping", host: WORLD.v4, seconds },
      { protocol: "ping6", host: WORLD.v6, seconds },
    ];
    for (const place of [network.bare, network.pod])
      await outputIn(place, undefined, "sh", "-c", "echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range");
    const answers = async (place: Place, seconds: number) =>
      (await attempt(place, pings(seconds))).map(({ outcome }) => outcome);
    assert.deepEqual(await answers(network.bare, 5), ["answered", "answered"]);
    // IPv6 does not tell the sender.
    const left = await leaving(fromPod(), async () => {
      assert.deepEqual(await answers(network.pod, 0.2), ["EPERM", "silence"]);
    });
    assert.deepEqual(left, []);
  });

  test("protocols that nobody redirects do not leave, even by a raw socket (T24)", async () => {
    const sent: Attempt[] = [
      { protocol: "udplite", host: WORLD.v4, port: 443, seconds: 0.1 },
      { protocol: "raw", host: WORLD.v4, seconds: 0.1 },
    ];
    const withRaw: As = { uid: 0, capabilities: ["net_raw"] };
    const numbers = (lines: readonly string[]) => lines.map((line) => line.split(" ")[0]);
    const without = await leaving(fromBare(), () => attempt(network.bare, sent, withRaw));
    assert.deepEqual(numbers(without), ["136", "253"]);
    const left = await leaving(fromPod(), async () => {
      const outcomes = await attempt(network.pod, sent, withRaw);
      assert.deepEqual(
        outcomes.map(({ outcome }) => outcome),
        ["EPERM", "EPERM"],
      );
    });
    assert.deepEqual(left, []);
  });

  test("the capture port takes nothing that was not redirected, by loopback or the pod's address (T20, T21)", async () => {
    const ports = [15_001, 15_053, 15_021];
    for (const host of ["127.0.0.1", "::1", network.pod.ipv4, network.pod.ipv6])
      for (const port of ports)
        assert.equal(
          (await attemptOne(network.pod, { protocol: "tcp", host, port })).outcome,
          "ECONNREFUSED",
        );
    assert.equal(
      (await attemptOne(network.pod, { protocol: "udp", host: "127.0.0.1", port: 15_053 })).outcome,
      "EPERM",
    );
    const without = await attemptOne(network.bare, { protocol: "tcp", host: "127.0.0.1", port: 15_001 });
    assert.match(without.by ?? "nobody", /^GATEWAY/);
  });

  test("from outside the gateway's ports are closed, but for its health (T21)", async () => {
    for (const host of [network.pod.ipv4, network.pod.ipv6]) {
      const outcomes = await attempt(
        network.world,
        [15_001, 15_053, 15_099].map((port): Attempt => ({ protocol: "tcp", host, port, seconds: 0.2 })),
      );
      assert.deepEqual(
        outcomes.map(({ outcome }) => outcome),
        ["silence", "silence", "silence"],
      );
      const health = await attemptOne(network.world, { protocol: "tcp", host, port: 15_021 });
      assert.match(health.by ?? "nobody", /^HEALTH/);
    }
    // A gateway that listened at the pod's address would be open to every pod.
    const without = await attemptOne(network.world, {
      protocol: "tcp",
      host: network.bare.ipv4,
      port: 15_001,
    });
    assert.match(without.by ?? "nobody", /^GATEWAY/);
  });

  test("the pod reaches itself, by loopback and by its address", async () => {
    for (const host of ["127.0.0.1", "::1", network.pod.ipv4, network.pod.ipv6])
      for (const protocol of ["tcp", "udp"] as const)
        assert.match((await attemptOne(network.pod, { protocol, host, port: 8000 })).by ?? "nobody", /^APP/);
  });

  test("whoever may come in is answered, and told when nobody listens", async () => {
    for (const host of [network.pod.ipv4, network.pod.ipv6]) {
      for (const protocol of ["tcp", "udp"] as const)
        assert.match(
          (await attemptOne(network.world, { protocol, host, port: 8000 })).by ?? "nobody",
          /^APP/,
        );
      const closed = await attemptOne(network.world, { protocol: "tcp", host, port: 8001 });
      assert.equal(closed.outcome, "ECONNREFUSED");
    }
  });

  test("the gateway itself gets out, over both families", async () => {
    for (const host of [WORLD.v4, WORLD.v6])
      assert.match(
        (await attemptOne(network.pod, { protocol: "tcp", host, port: 5432 }, GATEWAY)).by ?? "nobody",
        /^WORLD/,
      );
    assert.equal(
      (await attemptOne(network.pod, { protocol: "udp", host: WORLD.resolver, port: 53 }, GATEWAY)).by,
      "WORLD",
    );
  });

  test("without a gateway connections are refused, not let through", async () => {
    await using other = await openNetwork();
    assert.equal(runGwInit(init.file, other.pod).status, 0);
    await using _world = await serve(other.world, undefined, IN_THE_WORLD);
    for (const host of [WORLD.v4, WORLD.v6]) {
      assert.equal(
        (await attemptOne(other.pod, { protocol: "tcp", host, port: 443 })).outcome,
        "ECONNREFUSED",
      );
      assert.match(
        (await attemptOne(other.bare, { protocol: "tcp", host, port: 443 })).by ?? "nobody",
        /^WORLD/,
      );
    }
  });

  test("namespaces of the agent's own have no way out (T27)", async () => {
    const dial = `import socket; socket.create_connection(("${WORLD.v4}", 443), 1)`;
    const own = ["unshare", "--user", "--map-root-user", "--net", "/usr/bin/python3", "-c", dial];
    await assert.rejects(outputIn(network.pod, AGENT, ...own), /Network is unreachable/);
    // Whoever becomes root of such a namespace is nobody to the pod's rules.
    await assert.rejects(outputIn(network.pod, AGENT, "nft", "flush", "ruleset"), /not permitted/);
    assert.match(await outputIn(network.pod, undefined, "nft", "list", "tables"), /inet sallyport/);
  });

  test("marks, and capabilities that one can do without, open nothing (T3, T6)", async () => {
    const one: Attempt = { protocol: "tcp", host: WORLD.v4, port: 443 };
    assert.equal((await attemptOne(network.pod, { ...one, mark: 0x5a11 })).outcome, "EPERM");
    assert.equal((await attemptOne(network.pod, { ...one, setuid: GATEWAY.uid })).outcome, "EPERM");
    const root: As = { uid: 0 };
    assert.match((await attemptOne(network.pod, one, root)).by ?? "nobody", /^GATEWAY/);
    assert.equal((await attemptOne(network.pod, { ...one, setuid: GATEWAY.uid }, root)).outcome, "EPERM");
    // Why admission drops every capability and gives each pod's gateway a uid of its own: these do open.
    const mighty: As = { uid: 0, capabilities: ["setuid"] };
    assert.match(
      (await attemptOne(network.pod, { ...one, setuid: GATEWAY.uid }, mighty)).by ?? "nobody",
      /^WORLD/,
    );
    assert.match((await attemptOne(network.pod, one, GATEWAY)).by ?? "nobody", /^WORLD/);
  });

  test("NET_RAW writes to the wire past every rule, which is why no container keeps it (T6)", async () => {
    const frame: Attempt = { protocol: "frame", host: WORLD.v4, device: "eth0" };
    const left = await leaving(fromPod(), async () => {
      assert.equal((await attemptOne(network.pod, frame, { uid: 0 })).outcome, "EPERM");
      assert.equal((await attemptOne(network.pod, frame)).outcome, "EPERM");
    });
    assert.deepEqual(left, []);
    const written = await leaving(fromPod(), async () => {
      const outcome = await attemptOne(network.pod, frame, { uid: 0, capabilities: ["net_raw"] });
      assert.equal(outcome.outcome, "sent");
    });
    assert.deepEqual(written, ["ethertype 0x88b5 - -"]);
  });

  test("a socket that is not IP is beyond the rules: seccomp has to refuse it", async () => {
    const vsock = "import socket; socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM); print('opened')";
    const outcome = outputIn(network.pod, AGENT, "/usr/bin/python3", "-c", vsock).catch(String);
    // A kernel without it has nothing to refuse.
    assert.match(await outcome, /^opened|Address family not supported/);
  });

  test("who listens in the place of a gateway that is down gets what it would get, and sends nothing out (T22)", async () => {
    await using other = await openNetwork();
    assert.equal(runGwInit(init.file, other.pod).status, 0);
    await using _impostor = await serve(other.pod, AGENT, { ...CAPTURE, name: "IMPOSTOR" });
    const one: Attempt = { protocol: "tcp", host: WORLD.v4, port: 443 };
    const left = await leaving({ world: other.world, place: other.pod, device: "pod1" }, async () => {
      const seen = await attemptOne(other.pod, one, { uid: 10_002 });
      assert.equal(seen.by, `IMPOSTOR ${WORLD.v4} 443`);
    });
    assert.deepEqual(left, []);
  });
});

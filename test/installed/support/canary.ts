/** Everywhere that a secret could have been left: looked through for it, and for something that must be there. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { processOf } from "./containers.ts";
import { psql } from "./orders.ts";
import type { Release } from "./release.ts";
import { until } from "./until.ts";

/** Where it was found, of the places that were looked through; each has a word of its own that has to be found there too. */
export async function placesWith(release: Release, secret: string): Promise<readonly string[]> {
  const [agent] = (
    await release.kubectl(
      "get pods --namespace shop --selector=app=agent --output=jsonpath={.items[*].metadata.name}",
    )
  ).split(" ");
  const places: readonly {
    readonly name: string;
    readonly control: string;
    read(word: string): Promise<boolean>;
  }[] = [
    {
      name: "what the agent can read",
      control: "PGSSLROOTCERT",
      read: async (word) => (await release.inAgent("shop", agent ?? "", readableBy(word))).includes("found"),
    },
    {
      name: "logs",
      control: "the broker runs",
      read: async (word) => (await logs(release)).includes(word),
    },
    {
      name: "metrics",
      control: "sallyport_",
      read: async (word) => (await metrics(release)).includes(word),
    },
    {
      name: "what crosses a pod's network",
      control: "Ada Becker",
      read: (word) => crosses(release, agent ?? "", word),
    },
    {
      name: "memory of gateways, all that a core dump would hold",
      control: "orders-db.data.svc",
      read: (word) => inNode(release, MEMORY, word),
    },
    {
      name: "volumes of brokers",
      control: "sallyport",
      read: (word) => inNode(release, FILES, word, release.node.folder),
    },
  ];
  const found: string[] = [];
  for (const { name, control, read } of places) {
    assert.ok(await read(control), `the search finds nothing in ${name}`);
    if (await read(secret)) found.push(name);
  }
  return found;
}

/** In halves, and not among grep's arguments, so that the search does not find itself. */
function readableBy(word: string): string {
  const halves = `${word.slice(0, 4)}''${word.slice(4)}`;
  const grep = `grep --quiet --text --fixed-strings --file=<(printf %s ${halves})`;
  return `cat /proc/*/environ /proc/*/cmdline 2>/dev/null | ${grep} && echo found
    ${grep} --recursive --devices=skip /etc /tmp /var /run /home /root 2>/dev/null && echo found; true`;
}

async function logs({ kubectl }: Release): Promise<string> {
  const every = [
    "--namespace sallyport-system --selector=app.kubernetes.io/name=sallyport",
    "--namespace shop --selector=app=agent",
  ];
  const all = every.map((which) => kubectl(`logs ${which} --all-containers --tail=-1 --max-log-requests=20`));
  return (await Promise.all(all)).join("");
}

/** Of gateways by their pods' addresses, of the rest by the API server. */
async function metrics({ kubectl, node }: Release): Promise<string> {
  const pods = (
    "sallyport-broker-0:9090 sallyport-broker-1:9090 " +
    (await kubectl(
      "get pods --namespace sallyport-system --selector=app.kubernetes.io/component=operator --output=jsonpath={.items[*].metadata.name}",
    ))
  ).split(" ");
  const paths = pods.map(
    (name) =>
      `/api/v1/namespaces/sallyport-system/pods/${name.includes(":") ? name : `${name}:9090`}/proxy/metrics`,
  );
  const ours = paths.map((path) => kubectl(`get --raw ${path}`));
  const addresses = await kubectl("get pods --namespace shop --output=jsonpath={.items[*].status.podIP}");
  const gateways = addresses.split(" ").map(async (address) => {
    const { stdout } = await node.inNode([
      "curl",
      "--silent",
      "--max-time",
      "10",
      `http://${address}:15021/metrics`,
    ]);
    assert.match(stdout, /sallyport_/, `${address} tells no metrics`);
    return stdout;
  });
  return (await Promise.all([...ours, ...gateways])).join("");
}

/** Both of its Connections, as root of the node would overhear them, by loopback and by the wire. */
async function crosses(release: Release, pod: string, word: string): Promise<boolean> {
  const { node, inAgent } = release;
  const folder = await mkdtemp(join(tmpdir(), "sallyport-tap-"));
  try {
    const [frames, stop] = [join(folder, "frames"), join(folder, "stop")];
    const pid = await processOf(release, "shop", pod, "agent");
    const script = `nsenter -t ${pid} -n /usr/bin/python3 ${TAP} >${frames} & until [ -e ${stop} ]; do sleep 0.05; done; kill $!`;
    const listening = node.inNode(["bash", "-c", script]);
    await until("somebody listens", async () => (await readFile(frames, "utf8").catch(() => "")) !== "");
    for (const host of ["orders-db.shop", "orders-static.shop"])
      await inAgent("shop", pod, psql(`--host=${host} --command='select name from customers where id = 1'`));
    // Heard last, so that all of the sessions was heard before.
    await inAgent("shop", pod, `curl --silent --max-time 10 http://sallyport.internal/${ENDING} >/dev/null`);
    const heard = (text: string): Promise<boolean> =>
      readFile(frames, "utf8").then((all) => all.includes(Buffer.from(text).toString("hex")));
    await until("everything is heard", () => heard(ENDING));
    await writeFile(stop, "");
    assert.equal((await listening).code, 0);
    return await heard(word);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const ENDING = "that-is-all";
const TAP = fileURLToPath(new URL("../../bypass/network/programs/tap.py", import.meta.url));

/** Written for the node's own Node.js, as root, whom nothing is hidden from. */
async function inNode({ node }: Release, program: string, ...words: readonly string[]): Promise<boolean> {
  const [word = "", ...others] = words;
  const hidden = Buffer.from(word).toString("base64");
  const { code, stdout, stderr } = await node.inNode([process.execPath, "-e", program, hidden, ...others]);
  assert.equal(code, 0, stderr);
  return stdout.trim() === "found";
}

const MEMORY = `
const { readdirSync, readFileSync, openSync, readSync } = require("node:fs");
const word = Buffer.from(process.argv[1], "base64");
const wide = Buffer.from(word.toString("latin1"), "utf16le");
const gateways = readdirSync("/proc").filter((pid) => {
  try { return /^\\d+$/.test(pid) && readFileSync("/proc/" + pid + "/cmdline", "latin1").split("\\0").some((word) => word.endsWith("gateway.js")); } catch { return false; }
});
if (gateways.length === 0) throw new Error("no gateway runs here");
let found = false;
for (const pid of gateways) {
  const memory = openSync("/proc/" + pid + "/mem", "r");
  for (const line of readFileSync("/proc/" + pid + "/maps", "latin1").split("\\n")) {
    const [, from, to, isWritten, inode] = /^([0-9a-f]+)-([0-9a-f]+) r(.)\\S+ \\S+ \\S+ (\\d+)/.exec(line) ?? [];
    // What is as it is in a file is in no core.
    if (from === undefined || (isWritten !== "w" && inode !== "0")) continue;
    const [start, end] = [parseInt(from, 16), parseInt(to, 16)];
    for (let at = start; at < end; at += 1 << 22) {
      const piece = Buffer.alloc(Math.min((1 << 22) + wide.length, end - at));
      let length = 0;
      try { length = readSync(memory, piece, 0, piece.length, at); } catch (error) { if (error.code !== "EIO") throw error; }
      const read = piece.subarray(0, length);
      if (read.includes(word) || read.includes(wide)) found = true;
    }
  }
}
console.log(found ? "found" : "nothing");
`;

const FILES = `
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const word = Buffer.from(process.argv[1], "base64");
const folder = join(process.argv[2], "volumes");
const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
console.log(files.some(({ parentPath, name }) => readFileSync(join(parentPath, name)).includes(word)) ? "found" : "nothing");
`;

/** Keys of the cluster's whole store whose values hold it, as its own server has them. */
export async function storedUnder({ node }: Release, secret: string): Promise<readonly string[]> {
  const program = `
const word = Buffer.from(process.argv[1], "base64");
const all = { key: "AA==", range_end: "AA==" };
const { kvs } = await (await fetch("http://127.0.0.1:2379/v3/kv/range", { method: "POST", body: JSON.stringify(all) })).json();
const text = (base64) => Buffer.from(base64 ?? "", "base64");
for (const { key, value } of kvs) if (text(value).includes(word)) console.log(text(key).toString());
`;
  const hidden = Buffer.from(secret).toString("base64");
  const { code, stdout, stderr } = await node.inNode([
    process.execPath,
    "--input-type=module",
    "-e",
    program,
    hidden,
  ]);
  assert.equal(code, 0, stderr);
  return stdout.trim().split("\n").toSorted();
}

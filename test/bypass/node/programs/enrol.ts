/** A thief at the broker: presents a token with a key of its own, from wherever it is started. The standard input says what and where. */
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { ENROL_PATH, enrolMessage } from "#core/port/enrol.ts";

const { token, host, port, serverName, ca } = JSON.parse(await text(process.stdin)) as Readonly<
  Record<"token" | "host" | "serverName" | "ca", string>
> & { readonly port: number };
const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const body = JSON.stringify({
  token,
  publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64url"),
  proof: sign("sha256", enrolMessage(token), privateKey).toString("base64url"),
});
const asking = request({
  host,
  port,
  servername: serverName,
  ca,
  path: ENROL_PATH,
  method: "POST",
  headers: { "content-type": "application/json" },
  agent: false,
  timeout: 10_000,
});
asking.on("timeout", () => asking.destroy(new Error("no answer")));
asking.end(body);
try {
  const [answer] = (await once(asking, "response")) as [IncomingMessage];
  const said = await text(answer);
  process.stdout.write(`${said.includes("BEGIN CERTIFICATE") ? "certified" : said}\n`);
} catch (error) {
  process.stdout.write(`not reached: ${String(error)}\n`);
}

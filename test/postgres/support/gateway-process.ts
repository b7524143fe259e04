/** The engine in a process of its own, so that its memory and its processor time are its own: `node … PORT PASSWORD`. */
import { once } from "node:events";
import { startGateway } from "./gateway.ts";

const [, , port = "", password = "", masks = ""] = process.argv;
const mask =
  masks === ""
    ? []
    : masks.split(",").map((column) => ({ schema: "*", table: "*", column, action: "redact" as const }));
await using gateway = await startGateway({
  server: { port: Number(port), password },
  obligations: { mask },
});
process.stdout.write(`${gateway.port}\n`);
process.stdin.resume();
await once(process.stdin, "end");

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
  // Enough for a table of one's own: every column is named by its number.
  ...(mask.length === 0
    ? {}
    : { originOf: (_, attnum) => ({ schema: "public", table: "t", column: `c${attnum}` }) }),
});
process.stdout.write(`${gateway.port}\n`);
process.stdin.resume();
await once(process.stdin, "end");

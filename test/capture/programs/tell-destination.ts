/** Tells whoever connects where it was going. Listens at each `host/port` of its arguments. */
import { once } from "node:events";
import { createServer } from "node:net";
import { originalDestination } from "#runtime/native/sockets.ts";

for (const [host = "", port] of process.argv.slice(2).map((word) => word.split("/"))) {
  const server = createServer((client) => {
    const found = originalDestination(client);
    const text = found === undefined ? "not redirected" : `${found.family} ${found.address} ${found.port}`;
    client.on("error", () => undefined).end(text);
  });
  server.listen({ host, port: Number(port) });
  await once(server, "listening");
}
process.stdout.write("listening\n");

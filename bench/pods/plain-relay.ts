/** As little as a relay in Node can be: `plain-relay.ts PORT HOST PORT`. What a gateway is beside it is what it adds. */
import { once } from "node:events";
import { connect, createServer } from "node:net";

const [port = "", host = "", upstreamPort = ""] = process.argv.slice(2);
const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const upstream = connect({ host, port: Number(upstreamPort), allowHalfOpen: true, noDelay: true });
  client.on("error", () => upstream.destroy()).pipe(upstream);
  upstream.on("error", () => client.destroy()).pipe(client);
}).listen(Number(port), "127.0.0.1");
await once(server, "listening");
process.stdout.write("listening\n");

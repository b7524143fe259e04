/** The world outside of a pod: a name server that knows one host, and that host, whose port leads to a socket of a real server. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { answerQuestion } from "#core/wire/dns/answer.ts";
import { questionOrAnswer } from "#core/wire/dns/refuse.ts";
import { ipv4Bytes } from "#runtime/address.ts";

const [resolver = "", name = "", address = "", port = "", path = ""] = process.argv.slice(2);

const names = createSocket("udp4").bind(53, resolver);
names.on("message", (query, from) => {
  const read = questionOrAnswer(query);
  if (read === undefined || !("question" in read)) return;
  const isIt = read.question.name === name;
  const addresses = isIt && read.question.type === 1 ? [ipv4Bytes(address)] : [];
  const answer = answerQuestion(query, read.question, { code: isIt ? "ok" : "noSuchName", addresses });
  names.send(answer, from.port, from.address);
  process.stdout.write(`asked ${read.question.name}\n`);
});
await once(names, "listening");

const server = createServer({ allowHalfOpen: true }, (client) => {
  const upstream = connect({ path, allowHalfOpen: true });
  client.on("error", () => upstream.destroy()).pipe(upstream);
  upstream.on("error", () => client.destroy()).pipe(client);
}).listen(Number(port), address);
await once(server, "listening");
process.stdout.write("listening\n");

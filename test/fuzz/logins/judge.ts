/** What must hold of every case, whatever was said; and of those that are honest, that they come to a session. */
import { authenticationCleartextPassword } from "#core/wire/postgres/messages.ts";
import { Messages, sqlState, typeOf } from "../wire.ts";
import { DATABASE, type LoginsCase } from "./case.ts";
import type { PlayedClient } from "./client.ts";
import type { Outcome } from "./door.ts";
import { isHonest } from "./honest.ts";
import { nonceIn, readServerFirst, verified } from "./scram.ts";
import { LEASED_USER, OTHER_TOKEN, PASSWORD, TOKEN } from "./secrets.ts";
import { FLOOD_BYTES_MAX, md5Answer, type PlayedUpstream } from "./upstream.ts";

export interface Played {
  readonly case: LoginsCase;
  readonly client: PlayedClient;
  readonly upstreams: readonly PlayedUpstream[];
  readonly outcome: Outcome;
}

type Rule = (played: Played, heard: Heard) => string | undefined;

/** What the client has heard, one after the other. */
interface Heard {
  readonly messages: readonly Buffer[];
  readonly words: string;
  /** It is in a session. */
  readonly isIn: boolean;
  /** What it is told before it is in a session, where it may ask the upstream for its words. */
  readonly own: Buffer;
}

export function judge(played: Played): string | undefined {
  const heard = heardBy(played.client);
  if (typeof heard === "string") return heard;
  for (const rule of RULES) {
    const wrong = rule(played, heard);
    if (wrong !== undefined) return `${wrong}\n  heard ${heard.words}`;
  }
  return undefined;
}

/** A string: what is wrong with it. */
function heardBy(client: PlayedClient): Heard | string {
  const { inClear, inTls } = client.heard;
  let at = 0;
  while (at < inClear.length && "SN".includes(String.fromCharCode(inClear[at] ?? 0)) && at < 4) at += 1;
  const [clear, secured] = [new Messages(), new Messages()];
  const messages = [...clear.add(inClear.subarray(at)), ...secured.add(inTls)];
  const types = messages.map(typeOf).join("");
  const ready = messages.findIndex((message) => typeOf(message) === "Z");
  // Of a session that breaks off a row may be told in part: nothing may stand behind it then.
  if (ready < 0 && client.wasLeft && !(clear.isBetween && secured.isBetween))
    return "the last message is half a message";
  const early = ready < 0 ? messages : messages.slice(0, ready + 1);
  const errors = messages.filter((message) => typeOf(message) === "E");
  return {
    messages,
    words: `${inClear.toString("latin1", 0, at)} ${types} ${errors.map(sqlState).join()}`,
    isIn: ready >= 0,
    own: Buffer.concat(early),
  };
}

const isNeverTold =
  (what: string, secret: string): Rule =>
  ({ outcome }, { own }) => {
    if (own.includes(secret)) return `the client is told ${what}`;
    return outcome.refusals.some(({ publicText }) => publicText.includes(secret))
      ? `a refusal says ${what}`
      : undefined;
  };

/** The server's own words name who asked, and where. */
const secrets: Rule = (played, heard) =>
  isNeverTold("the password", PASSWORD)(played, heard) ??
  isNeverTold("the upstream's user", LEASED_USER)(played, heard) ??
  isNeverTold("the server's own words", "pg_hba")(played, heard) ??
  isNeverTold("its token", TOKEN)(played, heard);

/** Of what the gateway says to an upstream. */
const answers: Rule = ({ case: { connection }, upstreams }) => {
  for (const upstream of upstreams) {
    const received = Buffer.concat(upstream.received);
    for (const token of [TOKEN, OTHER_TOKEN])
      if (received.includes(token)) return "the upstream hears the client's token";
    const mayBeClear = connection.weak.includes("cleartext") && upstream.isOverTls;
    if (received.includes(PASSWORD) && !mayBeClear) return "the upstream is given the password";
    if (received.includes(md5Answer()) && !connection.weak.includes("md5"))
      return "the upstream is given an MD5 of the password";
    const exchange = exchangeOf(upstream);
    if (exchange === undefined || exchange.clientFinal === "") continue;
    const asked = readServerFirst(exchange.serverFirst);
    if (asked === undefined) return "a proof is given without a challenge";
    const nonce = nonceIn(exchange.clientFirst);
    if (!asked.nonce.startsWith(nonce) || asked.nonce === nonce)
      return "a proof is given to another's challenge";
    if (asked.iterations < 4096 || asked.iterations > 1_000_000)
      return `a proof of ${asked.iterations} iterations is given`;
  }
  return undefined;
};

/** Of the settings that clients may ask for here, and what the gateway adds. */
const STARTUP: Readonly<Record<string, (value: string) => boolean>> = {
  user: (value) => value === LEASED_USER,
  database: (value) => value === DATABASE,
  application_name: (value) => value.startsWith("sallyport:test"),
  client_encoding: (value) => value === "UTF8",
  standard_conforming_strings: (value) => value === "on",
  client_min_messages: (value) => value === "notice",
  statement_timeout: () => true,
  datestyle: () => true,
};

const startups: Rule = ({ upstreams }) => {
  for (const { startup } of upstreams) {
    if (startup === undefined) continue;
    const texts = startup.toString("latin1", 8, startup.length - 2).split("\0");
    for (let index = 0; index < texts.length; index += 2) {
      const [name = "", value = ""] = texts.slice(index);
      if (STARTUP[name]?.(value) !== true) return `the upstream is asked for ${name}=${value}`;
    }
  }
  return undefined;
};

const ASKS_FOR_TOKEN = authenticationCleartextPassword();

/** Nobody is let in who has not shown who it is, nor by a server that has not. */
const proofs: Rule = ({ case: { listener, connection }, client, upstreams, outcome }, { isIn }) => {
  if (outcome.isConnected && !outcome.isIdentified) return "somebody is connected whom nobody knows";
  if (client.heard.inClear.includes(ASKS_FOR_TOKEN)) return "a token is asked for in the clear";
  if (!isIn) return undefined;
  if (listener.perClient && !(outcome.tokens.join() === TOKEN && client.isSecured))
    return "a client is let in without its token over TLS";
  if (client.isSecured && isPiledUp(client.said.inClear)) return "what came in the clear is believed in TLS";
  const [upstream] = upstreams;
  if (upstream === undefined) return "a client is let in without an upstream";
  const opening = new Messages().add(Buffer.concat(upstream.said.slice(connection.tls ? 1 : 0)));
  const ready = opening.findIndex((message) => typeOf(message) === "Z");
  const early = opening.slice(0, ready + 1);
  const kinds = early.filter((message) => typeOf(message) === "R").map((message) => message.readInt32BE(5));
  return wronglyProven(kinds.join(), upstream, connection) ?? wronglyOpened(early);
};

/** Bytes behind a wish for encryption that was granted. */
function isPiledUp(said: Buffer): boolean {
  for (let at = 0; said.length - at >= 8; at += 8) {
    if (said.readInt32BE(at) !== 8) return true;
    if (said.readInt32BE(at + 4) === 80_877_103) return said.length > at + 8;
  }
  return false;
}

function wronglyProven(
  kinds: string,
  upstream: PlayedUpstream,
  { weak, tls }: LoginsCase["connection"],
): string | undefined {
  if (kinds === "3,0" && weak.includes("cleartext") && tls) return undefined;
  if (kinds === "5,0" && weak.includes("md5")) return undefined;
  if (kinds !== "10,11,12,0") return `a client is let in by an upstream that says ${kinds}`;
  const exchange = exchangeOf(upstream);
  const signature = exchange && verified(exchange)?.signature;
  return exchange?.serverFinal === `v=${signature}`
    ? undefined
    : "an upstream is believed without its signature";
}

const OPENING_BYTES_MAX = 192 * 1024;
const MESSAGES_MAX = 420;
const SETTINGS_MAX = 200;

/** Of what an upstream says before it is ready. */
function wronglyOpened(early: readonly Buffer[]): string | undefined {
  const bytes = early.reduce((sum, { length }) => sum + length, 0);
  if (bytes > OPENING_BYTES_MAX) return `${bytes} bytes are taken before it is ready`;
  if (early.length > MESSAGES_MAX) return `${early.length} messages are taken before it is ready`;
  const settings = new Map<string, string>();
  for (const message of early) {
    if (typeOf(message) !== "S") continue;
    const [name = "", value = ""] = message.toString("latin1", 5).split("\0");
    settings.set(name, value);
  }
  if (settings.size > SETTINGS_MAX) return `${settings.size} settings are taken`;
  if (settings.get("client_encoding") !== "UTF8" || settings.get("standard_conforming_strings") !== "on")
    return "a server is believed to read texts in another way";
  const versions = early.filter((message) => typeOf(message) === "v");
  if (versions.some((message) => message.readInt32BE(5) > 0x30002)) return "an upstream negotiates upwards";
  return versions.length > 1 ? "an upstream negotiates twice" : undefined;
}

interface Exchanged {
  readonly clientFirst: string;
  readonly serverFirst: string;
  readonly clientFinal: string;
  readonly serverFinal: string;
}

/** Of SCRAM, as both have in fact said it. */
function exchangeOf({ said, received, isOverTls }: PlayedUpstream): Exchanged | undefined {
  const [first, final] = received.filter((message) => typeOf(message) === "p");
  const [, clientFirst] =
    /((?:n|y|p=tls-server-end-point),,)(n=,r=.*)$/s.exec(first?.toString("latin1") ?? "")?.slice(1) ?? [];
  if (clientFirst === undefined) return undefined;
  const messages = new Messages().add(Buffer.concat(said.slice(isOverTls ? 1 : 0)));
  const textOf = (kind: number): string =>
    messages
      .find((message) => typeOf(message) === "R" && message.length >= 9 && message.readInt32BE(5) === kind)
      ?.toString("latin1", 9) ?? "";
  return {
    clientFirst,
    serverFirst: textOf(11),
    clientFinal: final?.toString("latin1", 5) ?? "",
    serverFinal: textOf(12),
  };
}

/** Whoever is not let in is told so, in the protocol's words and once; but for those who left, who cancel, and who fail at TLS. */
const endings: Rule = ({ client }, { messages, isIn }) => {
  const at = messages.findIndex((message) => typeOf(message) === "E");
  if (isIn) return undefined;
  if (at >= 0) {
    const error = messages[at] ?? Buffer.alloc(0);
    if (at !== messages.length - 1) return "something follows a fatal error";
    if (!/^[0-9A-Z]{5}$/.test(sqlState(error))) return "an error without a state";
    return error.includes("SFATAL\0") ? undefined : "an error that ends the session is not called fatal";
  }
  if (!client.wasLeft || mayBeLeft(client)) return undefined;
  return "the connection ends and nobody says why";
};

function mayBeLeft(client: PlayedClient): boolean {
  const { inClear, inTls } = client.said;
  const { heard } = client;
  const begins = inClear[0] ?? 0x16;
  // TLS that was begun and came to nothing: what is said then is heard by nobody.
  if (client.hasBegunTls && !client.isSecured) return true;
  if (!client.isSecured && (begins === 0x16 || heard.inClear.includes("S"))) return true;
  if (client.isSecured && client.isNameless) return true;
  return [inClear, inTls].some(isCancel);
}

function isCancel(said: Buffer): boolean {
  for (let at = 0; said.length - at >= 8; ) {
    const length = said.readInt32BE(at);
    const code = said.readInt32BE(at + 4);
    if (code === 80_877_102) return length > 12 && length <= 268 && said.length - at >= length;
    if (length !== 8 || (code !== 80_877_103 && code !== 80_877_104)) return false;
    at += 8;
  }
  return false;
}

const cancels: Rule = ({ client, outcome, upstreams }) => {
  if (outcome.cancels.length === 0) return undefined;
  if (!isCancel(client.said.inClear) && !isCancel(client.said.inTls))
    return "something is cancelled that nobody asked for";
  return upstreams.length > 0 ? "a cancel leads to the upstream" : undefined;
};

const floods: Rule = ({ upstreams }) =>
  upstreams.some(({ flooded }) => flooded >= FLOOD_BYTES_MAX)
    ? `${FLOOD_BYTES_MAX} bytes are taken of an upstream that never ends`
    : undefined;

/** The twin of all refusals. */
const honesty: Rule = (played, { isIn, messages }) => {
  if (!isHonest(played.case)) return undefined;
  if (!isIn) return "an honest client is not let in";
  const answer = messages.map(typeOf).join("").split("Z");
  return answer[1] === "TDC" ? undefined : "what an honest client asks is not answered";
};

const RULES: readonly Rule[] = [secrets, answers, startups, proofs, endings, cancels, floods, honesty];

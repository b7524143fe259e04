/**
 * Streams that nobody honest would send: bytes of the client, or messages of the upstream, are changed, left out, doubled and swapped
 * on the way. The engine must not fail, must not let through what is refused or masked, and must not answer what was not asked.
 */
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { S } from "#test/postgres/support/wire.ts";
import type { Fuzzer, Player } from "../fuzzer.ts";
import { turns } from "../generate.ts";
import { type EngineModules, loadEngine, openEngine } from "../mirror/engine.ts";
import { type Analyse, STOCK } from "../mirror/play.ts";
import { RecordingTap } from "../mirror/tap.ts";
import { ModelServer } from "../model/server.ts";
import { Random } from "../random.ts";
import { messagesOf, type Turn } from "../steps.ts";
import { isRefusedBy, modelledText, PEOPLE } from "../texts.ts";
import { Messages, typeOf } from "../wire.ts";

export interface TamperingCase {
  readonly chance: number;
  readonly masks: boolean;
  /** Whose stream is tampered with. */
  readonly byUpstream: boolean;
  /** How often. */
  readonly edits: number;
  readonly turns: readonly Turn[];
}

const HABITS = { text: modelledText, turnsMax: 3, stepsMax: 5, isTidy: false };

export const tampering: Fuzzer<TamperingCase> = {
  name: "tampering",
  what: "streams that are no protocol any more",
  share: 2,
  generate: (random) => ({
    chance: random.below(2 ** 31),
    masks: random.once(2),
    byUpstream: random.once(2),
    edits: 1 + random.below(4),
    turns: turns(random, HABITS),
  }),
  async open(defect): Promise<Player<TamperingCase>> {
    const modules = await loadEngine(defect);
    const analyst = openAnalyst();
    await analyst.analyse("select 1", STOCK);
    const analyse: Analyse = (text, context) => analyst.analyse(text, context);
    return {
      play: (each) => Promise.resolve(play(each, modules, analyse)),
      [Symbol.asyncDispose]: () => analyst[Symbol.asyncDispose](),
    };
  },
};

function play(each: TamperingCase, modules: EngineModules, analyse: Analyse): string | undefined {
  const random = new Random(each.chance);
  const tap = new RecordingTap(each.masks, () => false);
  const engine = openEngine(modules, {
    tap,
    analyse,
    actions: (found) => found,
    onCancel: () => Promise.resolve(),
    isPathReported: true,
  });
  const upstream = new ModelServer({ refuses: undefined, masks: false, onRun: () => undefined });
  const [toUpstream, toClient] = [new Messages(), new Messages()];
  const lies = new Set(each.byUpstream ? random.many(each.edits, () => random.below(40)) : []);
  // Of what an upstream lies about its columns nothing can be masked here: the catalog is the test's own.
  const guards = each.masks && !each.byUpstream;
  let asked = 0;
  let told = 0;
  let answered = 0;
  for (const { refuses, steps } of each.turns) {
    tap.refuses = refuses;
    engine.changed();
    const honest = Buffer.concat([...steps.flatMap(messagesOf), S]);
    asked += readiesFor(honest);
    const sent = each.byUpstream ? honest : tampered(random, honest, each.edits);
    const pending = random.cut(sent);
    for (let rounds = 0; rounds < 10_000 && engine.failures.length === 0; rounds += 1) {
      const written = engine.takeForUpstream().flatMap((bytes) => toUpstream.add(bytes));
      for (const message of written) {
        if (isRefusedBy(refuses, textOf(message)))
          return `a refused text reached the upstream: ${textOf(message)}`;
        for (const answer of answers(upstream, message)) {
          const said = lies.has(answered++) ? lie(random, answer) : [answer];
          for (const one of said) engine.fromUpstream(one);
        }
      }
      const heard = engine.takeForClient().flatMap((bytes) => toClient.add(bytes));
      told += heard.filter((message) => typeOf(message) === "Z").length;
      if (guards && heard.some(isSecret)) return "a masked value was shown";
      const next = pending.shift();
      if (next !== undefined) engine.fromClient(next);
      else if (written.length === 0) break;
    }
    if (each.byUpstream && told > asked) return `${told} times ready, and asked ${asked} times`;
    if (engine.failures.length > 0) return undefined;
  }
  return undefined;
}

const readiesFor = (bytes: Buffer): number =>
  new Messages().add(bytes).filter((message) => "QS".includes(typeOf(message))).length;

/** What a server makes of what it cannot read is its own affair: it says nothing more. */
function answers(upstream: ModelServer, message: Buffer): Buffer[] {
  try {
    return upstream.take(message);
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

function textOf(message: Buffer): string {
  const type = typeOf(message);
  if (type !== "Q" && type !== "P") return "";
  const from = type === "Q" ? 5 : message.indexOf(0, 5) + 1;
  return message.toString("utf8", from, message.indexOf(0, from));
}

const isSecret = (message: Buffer): boolean =>
  typeOf(message) === "D" && PEOPLE.some(([, secret]) => message.includes(secret));

function tampered(random: Random, bytes: Buffer, edits: number): Buffer {
  let now = Buffer.from(bytes);
  for (let count = 0; count < edits; count += 1) {
    const at = random.below(now.length + 1);
    const end = Math.min(now.length, at + random.below(12));
    const [before, piece, behind] = [now.subarray(0, at), now.subarray(at, end), now.subarray(end)];
    const by = [random.bytes(8), Buffer.alloc(0), Buffer.concat([piece, piece]), flipped(random, piece)];
    now = Buffer.concat([before, random.pick(by), behind]);
  }
  return now;
}

function flipped(random: Random, piece: Buffer): Buffer {
  const copy = Buffer.from(piece);
  if (copy.length > 0) copy[random.below(copy.length)] = random.below(256);
  return copy;
}

/** Left out, told twice, told as something else, with another body, or followed by what nobody asked for. */
function lie(random: Random, message: Buffer): Buffer[] {
  const type = Buffer.from(message);
  type[0] = random.pick([..."123CDEIKNRSTWZnst"]).charCodeAt(0);
  return random.pick([
    [],
    [message, message],
    [type],
    [flipped(random, message)],
    [tampered(random, message, 1)],
    [message, random.bytes(20)],
  ]);
}

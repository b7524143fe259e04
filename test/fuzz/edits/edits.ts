/** The fuzzer of what changes in the middle: policy, limits and cancels between any two bytes. */
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import type * as relayModule from "#sidecar/protocols/postgres/relay.ts";
import { planted } from "../defects/plant.ts";
import type { Fuzzer, Player } from "../fuzzer.ts";
import { turns } from "../generate.ts";
import { loadEngine } from "../mirror/engine.ts";
import { STOCK } from "../mirror/play.ts";
import type { Random } from "../random.ts";
import type { Step } from "../steps.ts";
import { modelledText, PEOPLE_READ, refusedWords } from "../texts.ts";
import { type EditsCase, EditsPlay, type Modules } from "./play.ts";
import type { Policy } from "./tap.ts";

/** Often what masks are about. */
const text = (random: Random): string => (random.once(3) ? PEOPLE_READ : modelledText(random));

const HABITS = { text, turnsMax: 3, stepsMax: 4, isTidy: false };

const query = (text: string): Step => ({ say: "query", text });

/** What masks are about, by names that say nothing of it. */
const BY_NAME: readonly (readonly Step[])[] = [
  [{ say: "parse", name: "sp", text: PEOPLE_READ }, query("execute sp")],
  [query(`prepare sp as ${PEOPLE_READ}`), query("execute sp")],
  [query("begin"), query(`declare c cursor for ${PEOPLE_READ}`), query("fetch 2 from c")],
];

const MASKS = [[], ["secret"], ["pin"], ["secret", "pin"]];

const policy = (random: Random): Policy => ({
  refuses: refusedWords(random),
  masks: random.pick(MASKS),
  rowsMax: random.once(3) ? 1 + random.below(9) : 0,
});

async function loadModules(defect: string | undefined): Promise<Modules> {
  const relay = (await import(planted("sidecar/protocols/postgres/relay.ts", defect))) as typeof relayModule;
  return { ...(await loadEngine(defect)), relay };
}

export const edits: Fuzzer<EditsCase> = {
  name: "edits",
  what: "a whole session while policy, limits and cancels change it in the middle",
  share: 2,
  generate: (random) => ({
    chance: random.below(2 ** 31),
    late: random.once(2),
    cancels: random.once(3) ? 2 : 0,
    turns: turns(random, HABITS).map(({ steps }) => ({
      steps: random.once(10) ? [...random.pick(BY_NAME), ...steps] : steps,
      edits: random.once(4) ? [] : random.many(3, () => policy(random)),
    })),
    isWide: random.once(8),
  }),
  async open(defect): Promise<Player<EditsCase>> {
    const modules = await loadModules(defect);
    const analyst = openAnalyst();
    await analyst.analyse("select 1", STOCK);
    return {
      play: (each) => new EditsPlay(each, modules, (text, context) => analyst.analyse(text, context)).play(),
      [Symbol.asyncDispose]: () => analyst[Symbol.asyncDispose](),
    };
  },
};

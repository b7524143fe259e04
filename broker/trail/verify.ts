/** Whether a trail is whole: what an auditor runs, with nothing but the files and, for the texts, the keys. */
import { type Arrival, arrivalOf } from "#core/audit/arrival.ts";
import { chainSeed } from "#core/audit/chain.ts";
import { textDigest } from "#core/audit/digest.ts";
import { kindRow } from "#core/audit/kinds.ts";
import { leafHead, parseLeaf } from "#core/audit/leaf.ts";
import { type KeptText, textsOf } from "#core/audit/requests.ts";
import { EMPTY_TREE, leafHash, treeRoot, withLeaf } from "#core/audit/tree.ts";
import { sessionBytes } from "#core/port/ids.ts";
import type { SessionId } from "#core/port/port.ts";
import type { Disk } from "./disk.ts";
import { type Problem, type StoredLeaf, type StoredText, readTrail } from "./read.ts";
import type { Texts } from "./texts.ts";

export interface VerifyOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** Without them texts are not looked at. */
  readonly texts?: Texts | undefined;
  /** What the trail came to when somebody noted it: it must have grown from there. */
  readonly expect?: { readonly leaves: number; readonly root: Uint8Array } | undefined;
  /** Events whose hashes another log speaks of. */
  readonly wanted?: ReadonlyMap<SessionId, ReadonlySet<number>> | undefined;
}

/** A session that came from another broker's log, and goes on in this one. */
export interface Arrived extends Arrival {
  readonly session: SessionId;
  readonly seq: number;
}

export interface Finding {
  readonly code:
    | Problem["what"]
    | "sequence"
    | "chain"
    | "leaf"
    | "begin"
    | "after-end"
    | "text-digest"
    | "moved"
    | "expectation";
  readonly where: string;
  readonly text: string;
}

export interface Verification {
  readonly leaves: number;
  readonly root: Uint8Array;
  readonly sessions: { readonly ended: number; readonly lost: number; readonly unfinished: number };
  readonly texts: { readonly opened: number; readonly closed: number };
  /** Whose log it is: one name for each start that is on record. */
  readonly brokers: ReadonlySet<string>;
  readonly arrivals: readonly Arrived[];
  /** Sessions without an end of their own here. */
  readonly withoutEnd: ReadonlyMap<SessionId, "lost" | "unfinished">;
  /** Hashes of what was wanted, in hex, by session and number; more than one where a session came back. */
  readonly hashes: ReadonlyMap<string, ReadonlySet<string>>;
  /** What must not be. None: nothing was changed, dropped or reordered, as far as the files alone can tell. */
  readonly findings: readonly Finding[];
  /** What may be and should be known. */
  readonly notices: readonly Finding[];
}

interface SessionCheck {
  seq: number;
  head: Uint8Array;
  end: string | undefined;
}

const FINDINGS_MAX = 1_000;

export function placeOf(session: SessionId, seq: number): string {
  return `${session} ${seq}`;
}

export async function verifyTrail(options: VerifyOptions): Promise<Verification> {
  const check = new Check(options);
  for await (const entry of readTrail(options)) {
    switch (entry.kind) {
      case "problem":
        check.problem(entry.problem);
        break;
      case "leaf":
        check.leaf(entry);
        break;
      case "text":
        check.text(entry);
        break;
      case "end":
        return check.result(entry.leaves, entry.root);
    }
  }
  throw new Error("a trail has an end");
}

class Check {
  readonly #options: VerifyOptions;
  readonly #findings: Finding[] = [];
  readonly #notices: Finding[] = [];
  readonly #brokers = new Set<string>();
  readonly #arrivals: Arrived[] = [];
  readonly #hashes = new Map<string, Set<string>>();
  readonly #sessions = new Map<SessionId, SessionCheck>();
  /** The first files are not there: sessions may have begun in them. */
  #beheaded = false;
  #grown = EMPTY_TREE;
  #expectationMet = false;
  #last: StoredLeaf | undefined;
  #opened = 0;
  #closed = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#meetExpectation();
  }

  problem({ what, segment, offset, bytes }: Problem): void {
    if (what === "missing") this.#beheaded = true;
    const finding: Finding = { code: what, where: `segment ${segment}`, text: PROBLEMS[what](offset, bytes) };
    if (what === "torn-tail") this.#notices.push(finding);
    else this.#find(finding);
  }

  leaf(stored: StoredLeaf): void {
    this.#last = stored;
    this.#grown = withLeaf(this.#grown, leafHash(stored.leaf));
    this.#meetExpectation();
    const where = `${stored.session} ${stored.seq}`;
    const head = leafHead(stored.leaf);
    if (head === undefined || head.session !== stored.session || head.seq !== stored.seq)
      this.#find({ code: "leaf", where, text: "what is stored is no event of this place" });
    if (head?.kind === "broker.start") this.#started(stored);
    const arrival = arrivalOf(stored);
    const before = this.#sessions.get(stored.session) ?? this.#begin(stored, head?.kind);
    if (arrival !== undefined) this.#arrived(stored, before, arrival);
    if (before.end !== undefined)
      this.#find({ code: "after-end", where, text: `the session had ended with ${before.end}` });
    if (stored.seq !== before.seq + 1) this.#find({ code: "sequence", where, text: `follows ${before.seq}` });
    else if (Buffer.compare(stored.previous, before.head) !== 0)
      this.#find({ code: "chain", where, text: "does not continue what stands in front of it" });
    before.seq = stored.seq;
    before.head = stored.hash;
    this.#keepWanted(stored);
    if (head !== undefined && kindRow(head.kind)?.ends === true) before.end = head.kind;
  }

  text(stored: StoredText): void {
    const leaf = this.#last;
    if (leaf === undefined || leaf.session !== stored.session || leaf.seq !== stored.seq)
      return this.#find({
        code: "leaf",
        where: `${stored.session} ${stored.seq}`,
        text: "a text without its event",
      });
    const opened = this.#options.texts?.open(stored);
    if (opened === undefined) {
      this.#closed += 1;
      return;
    }
    this.#opened += 1;
    const texts = textsOf(parseLeaf(leaf.leaf) ?? {}, opened.text);
    const isDecidedOn = ({ textDigest: digest, textBytes, text }: KeptText): boolean =>
      // Of a text beyond the bound only the beginning is kept, and its digest is over all of it.
      text.length < textBytes || digest === textDigest(opened.digestKey, text);
    if (texts?.every(isDecidedOn) !== true)
      this.#find({
        code: "text-digest",
        where: `${leaf.session} ${leaf.seq}`,
        text: "the text is not the one that was decided on",
      });
  }

  result(leaves: number, root: Uint8Array): Verification {
    const { expect } = this.#options;
    if (expect !== undefined && !this.#expectationMet)
      this.#find({
        code: "expectation",
        where: `leaf ${expect.leaves}`,
        text: "the trail has not grown from what was noted",
      });
    const sessions = [...this.#sessions.values()];
    const unfinished = sessions.filter(({ end }) => end === undefined).length;
    const lost = sessions.filter(({ end }) => end === "session.lost").length;
    const withoutEnd = [...this.#sessions].flatMap(([session, { end }]) => {
      if (end !== undefined && end !== "session.lost") return [];
      return [[session, end === undefined ? "unfinished" : "lost"] as const];
    });
    return {
      leaves,
      root,
      sessions: { ended: sessions.length - unfinished - lost, lost, unfinished },
      texts: { opened: this.#opened, closed: this.#closed },
      brokers: this.#brokers,
      arrivals: this.#arrivals,
      withoutEnd: new Map(withoutEnd),
      hashes: this.#hashes,
      findings: this.#findings,
      notices: this.#notices,
    };
  }

  #started({ leaf }: StoredLeaf): void {
    const broker = parseLeaf(leaf)?.["broker"];
    if (typeof broker === "string") this.#brokers.add(broker);
  }

  /** What it continues stands in another log: that it does is for whoever has that log too. */
  #arrived({ session, seq, previous }: StoredLeaf, check: SessionCheck, arrival: Arrival): void {
    this.#arrivals.push({ session, seq, ...arrival });
    check.seq = seq - 1;
    check.head = previous;
  }

  #keepWanted({ session, seq, hash }: StoredLeaf): void {
    if (this.#options.wanted?.get(session)?.has(seq) !== true) return;
    const place = placeOf(session, seq);
    const hashes = this.#hashes.get(place) ?? new Set();
    this.#hashes.set(place, hashes.add(Buffer.from(hash).toString("hex")));
  }

  #begin(stored: StoredLeaf, kind: string | undefined): SessionCheck {
    const where = `${stored.session} ${stored.seq}`;
    // A session that began in a file which is not there is taken up where it comes into view.
    const began = this.#beheaded && stored.seq > 0 ? stored.seq - 1 : -1;
    if (stored.seq === 0 && kindRow(kind ?? "")?.opens !== true)
      this.#find({ code: "begin", where, text: `a session does not begin with ${kind ?? "this"}` });
    const head = began === -1 ? chainSeed(sessionBytes(stored.session)) : stored.previous;
    const check: SessionCheck = { seq: began, head, end: undefined };
    this.#sessions.set(stored.session, check);
    return check;
  }

  #meetExpectation(): void {
    const { expect } = this.#options;
    if (expect?.leaves !== this.#grown.leaves) return;
    this.#expectationMet = Buffer.compare(treeRoot(this.#grown), expect.root) === 0;
  }

  #find(finding: Finding): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(finding);
  }
}

const PROBLEMS = {
  corrupt: (offset, bytes) => `${bytes} bytes at ${offset} were durable and cannot be read`,
  missing: (_offset, bytes) => `the file is not there; ${bytes} bytes of it belong to the trail`,
  unclaimed: () => "the file holds events and no other file follows it",
  tree: () => "what stands in front of it is not what it was begun behind",
  trail: () => "it belongs to another trail",
  "torn-tail": (offset, bytes) =>
    `${bytes} bytes at ${offset} are not readable (yet); they were never acknowledged`,
} as const satisfies Record<Problem["what"], (offset: number, bytes: number) => string>;

/** From the bytes of a request to what it does: what is known already, pre-scan, parser, analysis. */
import { analyse, refused } from "#core/statements/postgres/analyse.ts";
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import type { ParseOutcome } from "#core/statements/postgres/parser.ts";
import { PRESCAN_LIMITS, prescan } from "#core/statements/postgres/prescan.ts";
import type { SessionContext } from "#core/statements/postgres/session.ts";
import type { AsideLimits } from "./aside.ts";
import { CACHED_TEXT_BYTES_MAX, type FactsCache, GENERATION_BYTES_MAX, factsCache } from "./cache.ts";
import { openParser, type ParserStats } from "./parser.ts";
import { type ShapeCache, shapeCache } from "./shapes.ts";

export interface AnalystOptions {
  readonly textBytesMax?: number;
  /** See `treeCharsMaxIn`. */
  readonly treeCharsMax?: number;
  readonly cacheBytesMax?: number;
  readonly aside?: Partial<AsideLimits>;
}

export interface Analyst extends AsyncDisposable {
  /**
   * What the text of one simple Query, or of one Parse, does in this session. Answers at once when the text is known or
   * short and the parser is loaded; otherwise later. Never throws and never rejects for what a text holds.
   */
  analyse(text: string | Uint8Array, context: SessionContext): PostgresRequest | Promise<PostgresRequest>;
  stats(): ParserStats;
}

const CACHE_BYTES_MAX = 2 * GENERATION_BYTES_MAX;
/** Of it for what is known by its shape. */
const SHAPES_PART = 1 / 4;

/** One for each process or worker: it holds the one parser there is. */
export function openAnalyst(options: AnalystOptions = {}): Analyst {
  const parser = openParser(options.aside ?? {}, options.treeCharsMax);
  const generationBytesMax = (options.cacheBytesMax ?? CACHE_BYTES_MAX) / 2;
  const memory: Memory = {
    texts: factsCache(generationBytesMax * (1 - SHAPES_PART)),
    shapes: shapeCache(generationBytesMax * SHAPES_PART),
  };
  const limits = {
    ...PRESCAN_LIMITS,
    ...(options.textBytesMax ? { textBytesMax: options.textBytesMax } : {}),
  };

  return {
    analyse(text, context) {
      if (typeof text === "string" && !text.isWellFormed()) {
        return refused("NOT_UTF8", "holds half of a surrogate pair", Buffer.byteLength(text));
      }
      const bytes = typeof text === "string" ? Buffer.from(text, "utf8") : bufferOver(text);
      const isShort = bytes.length <= Math.min(limits.textBytesMax, CACHED_TEXT_BYTES_MAX);
      // What has a shape hardly ever comes twice as it is.
      const alike = isShort ? memory.shapes.get(bytes, context) : undefined;
      if (alike !== undefined) return alike;
      // One character for each byte: unlike UTF-8 decoding it keeps different bytes different.
      const key = bytes.length > CACHED_TEXT_BYTES_MAX ? undefined : bytes.toString("latin1");
      const known = key === undefined ? undefined : memory.texts.get(key, context);
      if (known !== undefined) return known;
      const scan = prescan(bytes, limits);
      if (scan.verdict === "refuse") return refused(scan.code, scan.text, bytes.length);
      // The package answers an empty text with an error of its own.
      if (bytes.length === 0) return { protocol: "postgres", statements: [] };
      const outcome = parser.parse(bytes, scan.verdict === "aside");
      const parsed: Parsed = { source: bytes.toString("utf8"), key, mayHaveShape: isShort };
      if (!(outcome instanceof Promise)) return concluded(outcome, parsed, context, memory);
      return outcome.then((later) => concluded(later, parsed, context, memory));
    },
    stats: parser.stats,
    [Symbol.asyncDispose]: () => parser[Symbol.asyncDispose](),
  };
}

const bufferOver = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Parsed {
  readonly source: string;
  readonly key: string | undefined;
  readonly mayHaveShape: boolean;
}

interface Memory {
  readonly texts: FactsCache;
  readonly shapes: ShapeCache;
}

function concluded(
  outcome: ParseOutcome,
  { source, key, mayHaveShape }: Parsed,
  context: SessionContext,
  { texts, shapes }: Memory,
): PostgresRequest {
  if (!("tree" in outcome)) {
    const request = refused(outcome.code, outcome.text, Buffer.byteLength(source));
    // How long it took says more about the machine than about the text.
    if (outcome.code !== "TOO_SLOW" && key !== undefined) texts.set(key, context, request);
    return request;
  }
  const watched = watch(context);
  const { tree } = outcome;
  const request = analyse(tree, source, watched.context);
  if (watched.asked() || key === undefined) return request;
  const bytes = Buffer.from(key, "latin1");
  const shared = mayHaveShape ? shapes.set(bytes, context, { tree, request }) : undefined;
  if (shared === undefined) texts.set(key, context, request);
  return shared ?? request;
}

/** Facts that come from the session's own prepared statements and cursors hold for this one moment only. */
function watch(context: SessionContext): { readonly context: SessionContext; asked(): boolean } {
  let asked = false;
  const note =
    (lookUp: (name: string) => StatementFacts | undefined) =>
    (name: string): StatementFacts | undefined => {
      asked = true;
      return lookUp(name);
    };
  return {
    context: { ...context, prepared: note(context.prepared), cursor: note(context.cursor) },
    asked: () => asked,
  };
}

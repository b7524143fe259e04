/**
 * One WebAssembly instance of PostgreSQL's parser. We instantiate it ourselves: the package keeps a single one for the
 * whole process, and a stack overflow inside it leaves its stack pointer where it was. After some thirty of those, good
 * statements fail or never return. So any throw that is not a syntax error is the end of an instance.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { withoutComments } from "#core/statements/postgres/comments.ts";
import { TREE_CHARS_MAX } from "./limits.ts";

export type InstanceOutcome =
  | { readonly json: string }
  | { readonly treeTooLarge: true }
  | { readonly syntaxError: string; readonly offsetBytes: number };

export interface ParserInstance {
  /** Throws when the instance broke; it must not be used again. */
  parse(bytes: Uint8Array): InstanceOutcome;
  /** Without the second look at a text that is refused for a comment. */
  parseAsIs(bytes: Uint8Array): InstanceOutcome;
  memoryBytes(): number;
}

/** The parts of the standard that we use; its types belong to the browser's library. */
type WasmModule = { readonly kind?: "module" };
type WasmInstance = { readonly exports: object };
const wasm = (
  globalThis as unknown as {
    WebAssembly: {
      compile(bytes: Uint8Array): Promise<WasmModule>;
      Instance: new (module: WasmModule, imports: object) => WasmInstance;
    };
  }
).WebAssembly;

/** Emscripten's module, as far as we use it. */
interface PgQuery {
  readonly HEAPU8: Uint8Array;
  getValue(pointer: number, type: "i32"): number;
  UTF8ToString(pointer: number): string;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _wasm_parse_query_raw(text: number): number;
  _wasm_free_parse_result(result: number): void;
}
type Factory = (options: {
  instantiateWasm: (imports: object, receive: (instance: WasmInstance) => unknown) => void;
}) => Promise<PgQuery>;

interface Compiled {
  readonly factory: Factory;
  readonly module: WasmModule;
}
let compiled: Promise<Compiled> | undefined;

export async function openInstance(treeCharsMax = TREE_CHARS_MAX): Promise<ParserInstance> {
  compiled ??= compile();
  const { factory, module } = await compiled;
  const pgQuery = await factory({
    instantiateWasm: (imports, receive) => void receive(new wasm.Instance(module, imports)),
  });
  return {
    parse: (bytes) => parseTwice(pgQuery, bytes, treeCharsMax),
    parseAsIs: (bytes) => parseWith(pgQuery, bytes, treeCharsMax),
    memoryBytes: () => pgQuery.HEAPU8.byteLength,
  };
}

/** Compiled once: a new instance after a break costs a millisecond and no second copy of the code. */
async function compile(): Promise<Compiled> {
  const require = createRequire(import.meta.url);
  const script = require.resolve("libpg-query/wasm/libpg-query.js");
  const factory = require(script) as Factory;
  const module = await wasm.compile(await readFile(join(dirname(script), "libpg-query.wasm")));
  return { factory, module };
}

/** See `comments.ts` for why a refusal may be about a comment alone. */
function parseTwice(pgQuery: PgQuery, bytes: Uint8Array, treeCharsMax: number): InstanceOutcome {
  const outcome = parseWith(pgQuery, bytes, treeCharsMax);
  const blanked = "syntaxError" in outcome ? withoutComments(bytes) : undefined;
  return blanked === undefined ? outcome : parseWith(pgQuery, blanked, treeCharsMax);
}

function parseWith(pgQuery: PgQuery, bytes: Uint8Array, treeCharsMax: number): InstanceOutcome {
  const text = pgQuery._malloc(bytes.length + 1);
  if (text === 0) throw new Error("the parser is out of memory");
  pgQuery.HEAPU8.set(bytes, text);
  pgQuery.HEAPU8[text + bytes.length] = 0;
  // No `finally`: when this throws, the heap is not ours any more.
  const result = pgQuery._wasm_parse_query_raw(text);
  if (result === 0) throw new Error("the parser is out of memory");
  const outcome = readResult(pgQuery, result, treeCharsMax);
  pgQuery._free(text);
  pgQuery._wasm_free_parse_result(result);
  return outcome;
}

/** PgQueryParseResult: tree, stderr, error; PgQueryError: message, function, file, line, position from 1. */
function readResult(pgQuery: PgQuery, result: number, treeCharsMax: number): InstanceOutcome {
  const tree = pgQuery.getValue(result, "i32");
  const error = pgQuery.getValue(result + 8, "i32");
  if (error === 0) {
    if (tree === 0) throw new Error("the parser gave neither a tree nor an error");
    // Of one character there are three bytes at most, and of what is certainly too large no text is made.
    if (pgQuery.HEAPU8.indexOf(0, tree) - tree > 3 * treeCharsMax) return { treeTooLarge: true };
    const json = pgQuery.UTF8ToString(tree);
    return json.length > treeCharsMax ? { treeTooLarge: true } : { json };
  }
  const message = pgQuery.UTF8ToString(pgQuery.getValue(error, "i32"));
  // A broken instance answers good statements with an error that says nothing.
  if (message === "") throw new Error("the parser gave an error without a message");
  return { syntaxError: message, offsetBytes: Math.max(0, pgQuery.getValue(error + 16, "i32") - 1) };
}

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type CommandInput, command } from "#cli/frame/command.ts";
import { readAll } from "#cli/frame/io.ts";
import { writeJson } from "#cli/frame/json.ts";
import { nearest } from "#core/api/nearest.ts";
import { colourWanted, painter, printable } from "#cli/frame/paint.ts";
import { wrap } from "#cli/frame/text.ts";
import { type Ran, ROOT, sallyport } from "./harness.ts";

const options = {
  output: { type: "string", choices: ["human", "json"], default: "human", help: "how to print" },
  with: { type: "string", value: "WHAT", multiple: true, help: "what goes with it" },
  from: { type: "string", value: "PLACE", required: true, help: "where it is taken from" },
  strict: { type: "boolean", help: "take it seriously" },
} as const;

let seen: CommandInput<typeof options> | undefined;

const pour = command({
  summary: "pours a cup",
  description: ["It pours."],
  positionals: [{ name: "CUP", help: "what it is poured into" }],
  options,
  examples: ["sallyport pour mug --from pot"],
  run: async (input) => {
    seen = input;
    return 0;
  },
});

const refuse = command({
  summary: "cannot",
  description: [],
  positionals: [],
  options: {},
  examples: [],
  run: async () => ({ cannotRun: "the pot is\u001b[31m empty" }),
});

const call = (...words: string[]): Promise<Ran> => sallyport(words, { commands: { pour, refuse } });

describe("arguments", () => {
  test("every option arrives by its own type", async () => {
    assert.equal(
      (await call("pour", "mug", "--from", "pot", "--with=milk", "--with", "sugar", "--strict")).code,
      0,
    );
    assert.deepEqual(seen, {
      positionals: ["mug"],
      options: { output: "human", with: ["milk", "sugar"], from: "pot", strict: true },
    });
  });

  test("what follows -- is never an option", async () => {
    assert.equal((await call("pour", "--from", "pot", "--", "--cup")).code, 0);
    assert.deepEqual(seen?.positionals, ["--cup"]);
  });

  const wrongs: [words: string[], message: string][] = [
    [["pour", "mug", "--from"], "--from PLACE: the value is missing"],
    [["pour", "mug"], "--from PLACE must be given"],
    [["pour", "--from", "pot"], "CUP is missing: what it is poured into"],
    [["pour", "mug", "glass", "--from", "pot"], '"glass" is one argument too many'],
    [["pour", "mug", "--form", "pot"], "there is no option --form; did you mean --from?"],
    [["pour", "mug", "--from", "pot", "--zzzzzz"], "there is no option --zzzzzz"],
    [["pour", "mug", "--from", "pot", "--strict=yes"], "--strict takes no value"],
    [["pour", "mug", "--from", "pot", "--from", "can"], "--from is given twice"],
    [["pour", "mug", "--from", "pot", "--output", "xml"], '--output must be human or json, not "xml"'],
    [
      ["pour", "mug", "--from", "--strict"],
      '--from PLACE: "--strict" looks like another option; write --from="--strict" if it is the value',
    ],
    [["pour", "mug", "--constructor", "x"], "there is no option --constructor"],
  ];
  for (const [words, message] of wrongs) {
    test(`${words.join(" ")} is refused in words`, async () => {
      const { code, out, err } = await call(...words);
      assert.equal(code, 2);
      assert.equal(out, "");
      assert.equal(
        err,
        `sallyport: ${message}\n\nUsage: sallyport pour CUP --from PLACE [OPTIONS]\nMore:  sallyport help pour\n`,
      );
    });
  }
});

describe("dispatch", () => {
  test("help lists every command, on standard output", async () => {
    const { code, out, err } = await call("--help");
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /pour +pours a cup/);
    assert.deepEqual(await call("help"), { code, out, err });
  });

  test("no command at all is a mistake, and says what there is", async () => {
    const { code, out, err } = await call();
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /pour +pours a cup/);
  });

  test("help of a command shows usage, options, choices, defaults and examples", async () => {
    const { code, out } = await call("help", "pour");
    assert.equal(code, 0);
    assert.match(out, /sallyport pour CUP --from PLACE \[OPTIONS\]/);
    assert.match(out, /--output human\|json +how to print \(default: human\)/);
    assert.match(out, /--with WHAT +what goes with it \(may be repeated\)/);
    assert.match(out, /sallyport pour mug --from pot/);
    assert.deepEqual(await call("pour", "--help"), { code, out, err: "" });
    assert.deepEqual(await call("pour", "-h"), { code, out, err: "" });
  });

  test("an unknown command is told its nearest name", async () => {
    const { code, err } = await call("puor");
    assert.equal(code, 2);
    assert.match(err, /^sallyport: there is no command "puor"; did you mean pour\?/);
    assert.match((await call("help", "puor")).err, /did you mean pour\?/);
    assert.doesNotMatch((await call("zebra")).err, /did you mean/);
    assert.equal((await call("constructor")).code, 2);
  });

  test("--version prints the version of the package alone", async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    assert.equal((await call("--version")).out, `sallyport ${version}\n`);
  });

  test("a command that cannot run says why, with escapes made harmless", async () => {
    assert.deepEqual(await call("refuse"), {
      code: 2,
      out: "",
      err: "sallyport: the pot is\\u{1b}[31m empty\n",
    });
  });
});

describe("colour", () => {
  test("appears on a terminal, not in a pipe, and obeys the environment", () => {
    assert.equal(colourWanted(true, {}), true);
    assert.equal(colourWanted(false, {}), false);
    assert.equal(colourWanted(true, { NO_COLOR: "1" }), false);
    assert.equal(colourWanted(true, { NO_COLOR: "" }), true);
    assert.equal(colourWanted(true, { TERM: "dumb" }), false);
    assert.equal(colourWanted(false, { FORCE_COLOR: "1" }), true);
    assert.equal(colourWanted(true, { FORCE_COLOR: "0" }), false);
    assert.equal(colourWanted(false, { FORCE_COLOR: "1", NO_COLOR: "1" }), true);
  });

  test("paints only when wanted", () => {
    assert.equal(painter(true)("red", "stop"), "\u001b[31mstop\u001b[39m");
    assert.equal(painter(false)("red", "stop"), "stop");
  });
});

describe("text", () => {
  test("marks that move the cursor or turn the line around are shown, not sent", () => {
    assert.equal(printable("a\u001b[2Jb\u202ec\u0007\u2028d"), "a\\u{1b}[2Jb\\u{202e}c\\u{7}\\u{2028}d");
    assert.equal(printable("grün · 表"), "grün · 表");
  });

  test("JSON means the same, with every unsafe mark escaped", () => {
    let written = "";
    const screen = { write: (text: string) => void (written += text), colour: false };
    const content = { text: "a\u009b2J\u202e\u{e0001}\n\u001b grün" };
    writeJson({ out: screen, err: screen, readInput: () => Promise.reject(), nowMs: () => 0 }, content);
    assert.deepEqual(JSON.parse(written), { version: 1, ...content });
    for (const mark of ["\u009b", "\u202e", "\u{e0001}", "\u001b"]) assert.ok(!written.includes(mark));
    assert.ok(written.includes("grün"));
  });

  test("wrapping breaks at spaces and loses nothing", () => {
    assert.deepEqual(wrap("one two three", 7), ["one two", "three"]);
    assert.deepEqual(wrap("averylongword x", 4), ["averylongword", "x"]);
  });

  test("the nearest name forgives swaps, case and one slip in three", () => {
    assert.equal(nearest("exlpain", ["lint", "explain"]), "explain");
    assert.equal(nearest("LINT", ["lint", "explain"]), "lint");
    assert.equal(nearest("deploy", ["lint", "explain"]), undefined);
    assert.equal(nearest("x".repeat(100_000), ["lint"]), undefined);
  });
});

describe("standard input", () => {
  async function* feed(...chunks: Buffer[]): AsyncGenerator<Buffer> {
    yield* chunks;
  }

  test("is read to its end, also when a character is cut in two", async () => {
    const euro = Buffer.from("€");
    assert.deepEqual(await readAll(feed(euro.subarray(0, 1), euro.subarray(1)), 3), { ok: true, text: "€" });
  });

  test("is refused when longer than wanted or not text", async () => {
    assert.deepEqual(await readAll(feed(Buffer.from("ab"), Buffer.from("cd")), 3), {
      ok: false,
      message: "standard input is longer than 3 bytes",
    });
    assert.equal((await readAll(feed(Buffer.from([0xff])), 3)).ok, false);
  });
});

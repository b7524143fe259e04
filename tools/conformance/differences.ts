/** What is known to go otherwise through the gateway, and why: everything else that does, and everything of it that no more does, is red. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";

export interface Difference {
  readonly suite: string;
  readonly test: string;
  /** The rule, or the reason, behind it. */
  readonly because: string;
}

const LIST = fileURLToPath(new URL("../../test/conformance/differences.yaml", import.meta.url));

export async function readDifferences(): Promise<readonly Difference[]> {
  const listed: unknown = load(await readFile(LIST, "utf8"));
  if (!Array.isArray(listed)) throw new TypeError(`${LIST} holds no list`);
  return listed.map((each: unknown) => {
    if (!isDifference(each)) throw new TypeError(`not suite, test and because: ${JSON.stringify(each)}`);
    return each;
  });
}

function isDifference(each: unknown): each is Difference {
  return (
    typeof each === "object" &&
    each !== null &&
    ["suite", "test", "because"].every((key) => {
      const value = (each as Readonly<Record<string, unknown>>)[key];
      return typeof value === "string" && value !== "";
    }) &&
    Object.keys(each).length === 3
  );
}

export interface Judgement {
  readonly unlisted: readonly string[];
  /** On the list, and no more so. */
  readonly over: readonly string[];
}

/** Of one suite, on one version: a listed difference has to occur on each. */
export function judge(suite: string, found: readonly string[], listed: readonly Difference[]): Judgement {
  const known = listed.filter((each) => each.suite === suite).map(({ test }) => test);
  return {
    unlisted: found.filter((test) => !known.includes(test)),
    over: known.filter((test) => !found.includes(test)),
  };
}

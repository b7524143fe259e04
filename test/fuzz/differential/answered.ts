/** Which message each answer belongs to. In a group answers come one by one; an error is the last, up to the Sync. */
import { sqlState, typeOf } from "../wire.ts";

/** Indexes of the messages that were answered by an error with that code; undefined when the answers fit no messages. */
export function answeredWith(
  code: string,
  messages: readonly Buffer[],
  heard: readonly Buffer[],
): Set<number> | undefined {
  const found = new Set<number>();
  const answers = heard.filter((answer) => !"SAN".includes(typeOf(answer)));
  let at = 0;
  let skipping = false;
  let copies = false;
  /** The last answer up to which a message is answered; undefined: there is none. */
  const upTo = (ends: string): Buffer | undefined => {
    while (at < answers.length) {
      const answer = answers[at++] as Buffer;
      if (typeOf(answer) === "G") copies = true;
      if (ends.includes(typeOf(answer))) return answer;
    }
    return undefined;
  };
  for (const [index, message] of messages.entries()) {
    const type = typeOf(message);
    if (copies) {
      if (type === "c" || type === "f") copies = false;
      continue;
    }
    if (type === "S") {
      skipping = false;
      if (upTo("Z") === undefined) return undefined;
      continue;
    }
    const ends = ENDS[type];
    if (ends === undefined || skipping) continue;
    const answer = upTo(ends);
    if (answer === undefined) return undefined;
    const isError = typeOf(answer) === "E";
    if (isError && sqlState(answer) === code) found.add(index);
    if (type === "Q") {
      if (isError ? upTo("Z") === undefined : typeOf(answer) !== "Z") return undefined;
    } else skipping = isError;
    // Its data was read over, or taken: an error ends that, too.
    if (isError) copies = copies && hasDataBehind(messages, index);
  }
  return at === answers.length ? found : undefined;
}

const ENDS: Readonly<Record<string, string>> = {
  Q: "EZ",
  P: "1E",
  B: "2E",
  C: "3E",
  D: "TnE",
  E: "CIsE",
};

const hasDataBehind = (messages: readonly Buffer[], index: number): boolean =>
  messages.slice(index + 1).some((message) => "cf".includes(typeOf(message)));

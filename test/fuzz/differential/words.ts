/** What two servers must agree on of an answer. */
import { readNoticeOrError } from "#core/wire/postgres/messages.ts";
import { REFUSED } from "../model/server.ts";
import { inWords, typeOf } from "../wire.ts";

/** When a server reports a change of a setting is its own affair; the gateway only hands it on. */
export const inWordsOf = (answers: readonly Buffer[]): string[] =>
  answers.filter((answer) => typeOf(answer) !== "S").map(words);

const OWN = "sallyport";

function words(answer: Buffer): string {
  switch (typeOf(answer)) {
    case "E":
      // What the marker leads to, where nobody replaces it.
      return readNoticeOrError(answer, 0, answer.length).get("M")?.includes(OWN) === true
        ? `E(${REFUSED})`
        : inWords(answer);
    case "T":
      return inWords(withoutRelations(answer));
    case "A":
      // Who sent it is another process.
      return inWords(Buffer.concat([answer.subarray(0, 5), answer.subarray(9)]));
    default:
      return inWords(answer);
  }
}

/** Relations have other numbers in another database. */
function withoutRelations(answer: Buffer): Buffer {
  const copy = Buffer.from(answer);
  let at = 7;
  for (let count = copy.readInt16BE(5); count > 0; count -= 1) {
    at = copy.indexOf(0, at) + 1;
    copy.writeInt32BE(0, at);
    at += 18;
  }
  return copy;
}

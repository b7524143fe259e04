/** The startup parameter `options`: command-line words for the server, as `PGOPTIONS` holds them. */

/** Settings in order, or what cannot be read. */
export type Options =
  | { readonly settings: readonly (readonly [name: string, value: string])[] }
  | { readonly fault: string };

/**
 * Reads `-c name=value`, `-cname=value` and `--name=value`. Every other word of the postgres command line is refused:
 * none of them has a place in a client's startup. Dashes in names of `--` words stand for underscores.
 */
export function parseOptions(text: string): Options {
  const words = splitWords(text);
  const settings: [string, string][] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    let assignment: string | undefined;
    if (word === "-c") {
      index += 1;
      assignment = words[index];
    } else if (word.startsWith("-c")) assignment = word.slice(2);
    else if (word.startsWith("--")) assignment = word.slice(2);
    if (assignment === undefined) return { fault: "options takes settings only: -c name=value" };
    const equals = assignment.indexOf("=");
    if (equals < 1) return { fault: "options holds a setting without a value" };
    // PostgreSQL turns dashes in the name to underscores for both spellings (ParseLongOption).
    const name = assignment.slice(0, equals).replaceAll("-", "_").toLowerCase();
    settings.push([name, assignment.slice(equals + 1)]);
  }
  return { settings };
}

/** Words end at white space; a backslash takes the next character as it is (`pg_split_opts`). */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? "";
    if (/[ \t\n\v\f\r]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    if (character === "\\") {
      index += 1;
      word = (word ?? "") + (text[index] ?? "");
    } else word = (word ?? "") + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}

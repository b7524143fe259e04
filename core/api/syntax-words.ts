/** What the YAML parser says, in words that tell what to do. What is not listed is passed on as it is. */
const WORDS: Readonly<Record<string, string>> = {
  "deficient indentation":
    "this line stands further left than what it would belong to; is a bracket or a quote above still open?",
  "tab characters must not be used in indentation": "indent with blanks, not with tabs",
  "bad indentation of a mapping entry":
    "this does not fit the line above; check its indentation, and put text that holds `: ` in quotes",
  "bad indentation of a sequence entry": "this does not fit the list above; check its indentation",
  "end of the stream or a document separator is expected":
    "this does not belong to the lines above; check its indentation, and put text that starts with a mark in quotes",
  "unexpected end of the stream within a flow collection": "a bracket or a brace is never closed",
  "unexpected end of the stream within a double quoted scalar": "a quote is never closed",
  "unexpected end of the stream within a single quoted scalar": "a quote is never closed",
  "missed comma between flow collection entries": "a comma is missing",
  "can not read a block mapping entry; a multiline key may not be an implicit key":
    "a field's name is followed by `:` on the same line",
  "unknown escape sequence":
    "after \\ in double quotes only certain letters are allowed; write \\\\ for the mark itself",
};

export function syntaxWords(reason: string): string {
  return Object.hasOwn(WORDS, reason) ? (WORDS[reason] ?? reason) : reason;
}

/** What a file of kinds may hold at most. Generous for people, small for whoever wants to exhaust the reader. */
export const FILE_CHARACTERS_MAX = 1_048_576;
export const FILE_DOCUMENTS_MAX = 256;
export const DOCUMENT_NODES_MAX = 50_000;
export const DOCUMENT_NESTING_MAX = 32;
export const SCALAR_CHARACTERS_MAX = 131_072;
/** Further findings of the same document are counted, not listed. */
export const DOCUMENT_FINDINGS_MAX = 100;

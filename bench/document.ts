/** Writes docs/performance.md: `node bench/document.ts`. */
import { writeFileSync } from "node:fs";
import { documentOf } from "./performance/document.ts";
import { DOCUMENT, readPublished } from "./performance/files.ts";

writeFileSync(DOCUMENT, documentOf(readPublished()));

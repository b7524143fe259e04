/** Writes docs/performance.md: `node bench/document.ts`. */
import { writeFileSync } from "node:fs";
import { documentOf } from "./performance/document.ts";
import { DOCUMENT, readPublished } from "./performance/files.ts";

const published = readPublished();
if (published === undefined)
  throw new Error("no run is published yet: make bench-publish, on a machine that does nothing else");
writeFileSync(DOCUMENT, documentOf(published));

/** Writes down what becomes of the pods in test/pods/shapes, for a change that means to change it: read the diff. */
import { writeFileSync } from "node:fs";
import { outcomesOf, RENDERED_PATH, renderedText, shapeFiles } from "#test/pods/shapes.ts";

for (const file of shapeFiles()) writeFileSync(file.outcomePath, outcomesOf(file));
writeFileSync(RENDERED_PATH, renderedText());

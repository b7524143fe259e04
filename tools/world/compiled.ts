/** What a program that is started from its sources need not compile again: see NODE_TEST in the Makefile. */

/**
 * For its environment. Not for one from a folder of a single run: nobody would look for it there again, and what was kept of it
 * would stay.
 */
export function compiledSources(): Readonly<Record<string, string>> {
  const folder = process.env["NODE_COMPILE_CACHE"];
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}

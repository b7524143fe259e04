/** What is made once per machine and kept outside the tree: built programs, downloaded clients. */
import { homedir } from "node:os";

/** `SALLYPORT_CACHE` moves it. */
export function cacheFolder(): string {
  const home = process.env["XDG_CACHE_HOME"] || `${homedir()}/.cache`;
  return process.env["SALLYPORT_CACHE"] || `${home}/sallyport`;
}

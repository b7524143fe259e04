/** What `make demo` was asked for. */

export interface DemoOptions {
  /** End after the last step instead of staying up. */
  readonly once: boolean;
  /** Where agents reach the gateway; 0: any free port. */
  readonly port: number;
}

const PORT_DEFAULT = 6432;

/** A text: what is wrong with the words. */
export function readOptions(words: readonly string[]): DemoOptions | string {
  let once = false;
  let port: number | undefined;
  for (const word of words) {
    if (word === "--once") once = true;
    else if (/^--port=\d{1,5}$/.test(word) && Number(word.slice(7)) <= 65_535) port = Number(word.slice(7));
    else return `"${word}" is no option; there are --once and --port=NUMBER (make demo ONCE=1 PORT=6433)`;
  }
  return { once, port: port ?? (once ? 0 : PORT_DEFAULT) };
}

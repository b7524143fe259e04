/** A process that is kept running: started again with growing pauses when it ends by itself, told what it has to know. */
import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import type { Shape } from "#core/port/shapes.ts";
import { type Log, errorFields } from "./log.ts";
import { pack, unpack } from "./process-messages.ts";

export interface SupervisedOptions<ToIt, FromIt> {
  readonly name: string;
  readonly program: URL;
  readonly nodeFlags: readonly string[];
  /** All that it inherits of the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** As which user it runs; undefined: as we do. */
  readonly account: { readonly uid: number; readonly gid: number } | undefined;
  readonly to: Shape<ToIt>;
  readonly from: Shape<FromIt>;
  /** Said first, at every start. */
  readonly greeting: () => readonly ToIt[];
  readonly onMessage: (message: FromIt) => void;
  /** Called after each end, also the last one. */
  readonly onEnd: (how: string) => void;
  readonly log: Log;
}

export interface Supervised<ToIt> {
  readonly name: string;
  readonly isRunning: boolean;
  readonly pid: number | undefined;
  /** How often it was started again. */
  readonly restarts: number;
  /** False when there is nobody to tell now. A socket that goes along stays open here too: the caller closes it once it is known to have arrived. */
  tell(message: ToIt, socket?: Socket): boolean;
  /** Says `last` to it, kills it after that long, and starts it no more. Resolves when it is gone. */
  stop(last: ToIt, withinMs: number): Promise<void>;
}

const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 5_000;
/** Whoever ran for so long starts afresh with the shortest pause. */
const STABLE_MS = 10_000;

export function supervise<ToIt, FromIt>(options: SupervisedOptions<ToIt, FromIt>): Supervised<ToIt> {
  return new Keeper(options);
}

class Keeper<ToIt, FromIt> implements Supervised<ToIt> {
  readonly #options: SupervisedOptions<ToIt, FromIt>;
  #child: ChildProcess | undefined;
  #restarts = 0;
  #pauseMs = PAUSE_MS_MIN;
  #startedMs = 0;
  #retry: NodeJS.Timeout | undefined;
  #stopping: PromiseWithResolvers<void> | undefined;

  constructor(options: SupervisedOptions<ToIt, FromIt>) {
    this.#options = options;
    this.#start();
  }

  get name(): string {
    return this.#options.name;
  }

  get isRunning(): boolean {
    return this.#child?.connected === true;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  tell(message: ToIt, socket?: Socket): boolean {
    const child = this.#child;
    if (child?.connected !== true) return false;
    // What cannot be said because the process has just ended is said again at its next start, or is of no use to it any more.
    // Node's own way of closing a socket here forgets those that still wait in line when the process is killed.
    child.send(pack(this.#options.to, message), socket, { keepOpen: true }, () => undefined);
    return true;
  }

  async stop(last: ToIt, withinMs: number): Promise<void> {
    clearTimeout(this.#retry);
    const stopped = (this.#stopping ??= Promise.withResolvers<void>());
    const child = this.#child;
    if (child === undefined) return;
    this.tell(last);
    const late = setTimeout(() => {
      this.#options.log.warn("process does not end", { process: this.name, withinMs });
      child.kill("SIGKILL");
    }, withinMs);
    await stopped.promise;
    clearTimeout(late);
  }

  #start(): void {
    const { name, program, nodeFlags, environment, account, log } = this.#options;
    this.#startedMs = performance.now();
    const child = fork(program, [], {
      execArgv: [...nodeFlags],
      env: environment,
      // Its log is ours.
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      serialization: "json",
      ...account,
    });
    this.#child = child;
    child.on("message", (packed) => this.#take(child, packed));
    // Both a start that failed and a message that could not be sent come here; the first ends with no `exit`.
    child.on("error", (error) => {
      log.error("process failed", { process: name, ...errorFields(error) });
      if (child.pid === undefined) this.#ended(child, error.message);
    });
    // What it said before its end is heard first.
    child.on("exit", (code, signal) => {
      const ended = (): void => this.#ended(child, signal ?? `exit code ${code}`);
      if (child.connected) child.once("disconnect", ended);
      else ended();
    });
    for (const message of this.#options.greeting()) this.tell(message);
  }

  #take(child: ChildProcess, packed: unknown): void {
    try {
      this.#options.onMessage(unpack(this.#options.from, packed));
    } catch (error) {
      // A process of ours says nothing else: it was taken over, or has lost its mind.
      this.#options.log.error("process broke the contract", { process: this.name, ...errorFields(error) });
      child.kill("SIGKILL");
    }
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#stopping !== undefined) {
      this.#options.onEnd(how);
      return this.#stopping.resolve();
    }
    if (performance.now() - this.#startedMs >= STABLE_MS) this.#pauseMs = PAUSE_MS_MIN;
    this.#options.log.error("process ended", { process: this.name, how, restartMs: this.#pauseMs });
    this.#retry = setTimeout(() => {
      this.#restarts += 1;
      this.#start();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(PAUSE_MS_MAX, this.#pauseMs * 2);
    this.#options.onEnd(how);
  }
}

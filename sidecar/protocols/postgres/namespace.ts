/**
 * What each name stands for once everything that was forwarded has been carried out. What fails or is skipped is taken
 * back, also where the name was changed again meanwhile: the later change then stands on what was there before.
 *
 * To keep a name that the server has not is harmless, for the server will say so. To lack one that it has, or to take
 * it for another, is not.
 */
export interface Change<Value> {
  readonly name: string;
  /** Undefined: the name stands for nothing. */
  value: Value | undefined;
  /** What comes back if this is undone; undefined once that cannot be any more. */
  before: Change<Value> | undefined;
  isUndone: boolean;
}

export class Namespace<Value> {
  readonly #latest = new Map<string, Change<Value>>();

  get(name: string): Value | undefined {
    return this.#latest.get(name)?.value;
  }

  set(name: string, value: Value | undefined): Change<Value> {
    const change = { name, value, before: this.#latest.get(name), isUndone: false };
    this.#latest.set(name, change);
    return change;
  }

  /** It was carried out. */
  keep(change: Change<Value>): void {
    change.before = undefined;
    if (change.value === undefined && this.#isLatest(change)) this.#latest.delete(change.name);
  }

  /** It never was. */
  undo(change: Change<Value>): void {
    change.isUndone = true;
    if (!this.#isLatest(change)) return;
    let { before } = change;
    while (before?.isUndone === true) ({ before } = before);
    if (before === undefined) this.#latest.delete(change.name);
    else this.#latest.set(change.name, before);
  }

  /** Only while nothing is on its way. */
  forget(isGone: (value: Value | undefined) => boolean = always): void {
    for (const { name, value } of this.#latest.values()) if (isGone(value)) this.#latest.delete(name);
  }

  get size(): number {
    return this.#latest.size;
  }

  #isLatest(change: Change<Value>): boolean {
    return this.#latest.get(change.name) === change;
  }
}

const always = (): boolean => true;

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
  /** Nobody has said yet whether it was carried out. */
  isOpen: boolean;
  /** In which group of messages it stands: what fails takes the rest of its group with it, and nothing beyond. */
  readonly group: number;
}

/** Told of what has a name from now on, and of what has none any more. */
export interface Holder<Value> {
  take(value: Value): void;
  give(value: Value): void;
}

export class Namespace<Value> {
  readonly #latest = new Map<string, Change<Value>>();
  readonly #holder: Holder<Value>;

  constructor(holder: Holder<Value>) {
    this.#holder = holder;
  }

  get(name: string): Value | undefined {
    return this.#latest.get(name)?.value;
  }

  /** Something, or the end of it that nobody has confirmed. */
  has(name: string): boolean {
    return this.#latest.has(name);
  }

  set(name: string, value: Value | undefined, group: number): Change<Value> {
    const change = { name, value, before: this.#latest.get(name), isUndone: false, isOpen: true, group };
    this.#put(name, change);
    return change;
  }

  /** The same thing, analysed anew. Whoever holds the old one goes on with that. */
  replace(name: string, value: Value, by: Value): void {
    const latest = this.#latest.get(name);
    if (latest?.value !== value) return;
    this.#leave(latest);
    latest.value = by;
    this.#enter(latest);
  }

  /** Whether somebody in that group must wait to know what the name stands for. */
  isUncertain(name: string, group: number): boolean {
    const latest = this.#latest.get(name);
    return latest?.isOpen === true && latest.group !== group;
  }

  /** It was carried out. */
  keep(change: Change<Value>): void {
    change.isOpen = false;
    change.before = undefined;
    if (change.value === undefined && this.#isLatest(change)) this.#put(change.name, undefined);
  }

  /** It never was. */
  undo(change: Change<Value>): void {
    change.isUndone = true;
    change.isOpen = false;
    if (!this.#isLatest(change)) return;
    let { before } = change;
    while (before?.isUndone === true) ({ before } = before);
    this.#put(change.name, before);
  }

  /** Only while nothing is on its way. */
  forget(isGone: (value: Value | undefined, name: string) => boolean = always): void {
    if (this.#latest.size === 0) return;
    for (const { name, value } of this.#latest.values()) if (isGone(value, name)) this.#put(name, undefined);
  }

  get size(): number {
    return this.#latest.size;
  }

  #put(name: string, change: Change<Value> | undefined): void {
    this.#leave(this.#latest.get(name));
    if (change === undefined) this.#latest.delete(name);
    else this.#latest.set(name, change);
    this.#enter(change);
  }

  /** Of the unnamed there is one. */
  #enter(change: Change<Value> | undefined): void {
    if (change?.value !== undefined && change.name !== "") this.#holder.take(change.value);
  }

  #leave(change: Change<Value> | undefined): void {
    if (change?.value !== undefined && change.name !== "") this.#holder.give(change.value);
  }

  #isLatest(change: Change<Value>): boolean {
    return this.#latest.get(change.name) === change;
  }
}

const always = (): boolean => true;

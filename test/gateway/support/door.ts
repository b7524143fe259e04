/** Holds back a trail, for as long as a test wants it to. */

/** What is written while it is shut waits until it is opened. */
export class Door {
  waiting = 0;
  #shut: PromiseWithResolvers<void> | undefined;

  shut(): void {
    this.#shut = Promise.withResolvers<void>();
  }

  open(): void {
    this.#shut?.resolve();
    this.#shut = undefined;
  }

  async pass(): Promise<void> {
    if (this.#shut === undefined) return;
    this.waiting += 1;
    await this.#shut.promise;
    this.waiting -= 1;
  }
}

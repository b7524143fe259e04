/** The shared catalog as one session sees it: what it has changed itself and nobody else can see yet is added here. */
import type { ColumnMask } from "#core/policy/decision.ts";
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import type { PostgresRequest, RelationName } from "#core/statements/postgres/facts.ts";
import { liveCatalog, unsettledCatalog } from "#core/statements/postgres/live.ts";
import type { ColumnResolver, SessionCatalog } from "../masking.ts";
import type { CatalogOpening } from "../protocol.ts";
import { mayChange, mentioned, namesUnknown } from "./changes.ts";
import type { Reading } from "./reading.ts";
import { catalogResolver, type Knowledge, type Unsettled } from "./resolver.ts";
import type { Member, SharedCatalog } from "./shared.ts";

/** More than an honest transaction changes; beyond it, it may have changed anything. */
const MENTIONED_MAX = 200;
const NOT_YET_READ = "the catalog has not been read yet";
const NO_MASKS: readonly ColumnMask[] = [];

export class LiveCatalog implements SessionCatalog, Knowledge {
  readonly columns: ColumnResolver = catalogResolver(this);
  version = 0;
  reading: Reading | string = NOT_YET_READ;
  unsettled: Unsettled;
  readonly #shared: SharedCatalog;
  readonly #stock: Catalog;
  readonly #member: Member;
  /** Without what an open transaction hides. */
  #settled: Catalog;
  #names: Catalog;
  /** What this session has changed is in readings from this number on. */
  #atLeast = 0;
  /** What it has changed that is in no reading yet, and that no open transaction hides any more. */
  #owed: Unsettled;
  /** Nothing but the record depends on names: texts do not wait for a reading. */
  #isFollowing = false;
  #lookedMs = -Infinity;

  constructor(shared: SharedCatalog, stock: Catalog, { logIn }: CatalogOpening) {
    this.#shared = shared;
    this.#stock = stock;
    this.#member = { logIn, masks: NO_MASKS };
    this.#settled = notYetRead(stock);
    this.#names = this.#settled;
    shared.join(this.#member);
  }

  get names(): Catalog {
    return this.#names;
  }

  get isBehind(): boolean {
    return this.#owed !== undefined;
  }

  changed(request: PostgresRequest | undefined): void {
    const { names } = this;
    // Code that the session made since is in no list of what changes things.
    const isListed = typeof this.reading !== "string" && this.#owed !== "anything";
    const reading = isListed ? (this.reading as Reading) : undefined;
    const isStock = this.#isFollowing && !isListed ? this.#stock : undefined;
    if (request !== undefined && !mayChange(request, reading, isStock)) return;
    const change = request === undefined ? "anything" : mentioned(request, reading, isStock);
    this.unsettled = together(this.unsettled, change);
    this.#show();
    // What was found after an earlier change of the same transaction may be wrong by now, too.
    if (names === this.#names) this.version += 1;
  }

  transactionEnded(): void {
    if (this.unsettled === undefined) return;
    this.#owed = together(this.#owed, this.unsettled);
    this.unsettled = undefined;
    this.#atLeast = this.#shared.nextReading;
    this.#show();
  }

  ready(masks: readonly ColumnMask[], isInTransaction = false): Promise<void> | undefined {
    if (this.#isFollowing) this.#stopFollowing(isInTransaction);
    this.#member.masks = masks;
    const reading = this.#shared.ready(masks, this.#atLeast);
    if (reading !== undefined) return reading.then(() => this.#adopt());
    this.#adopt();
    return undefined;
  }

  follow(): void {
    this.#isFollowing = true;
    this.#member.masks = NO_MASKS;
    this.#shared.follow(this.#atLeast);
    this.#adopt();
  }

  lookAgain(request: PostgresRequest, masks: readonly ColumnMask[]): Promise<void> | undefined {
    if (this.#isFollowing || !namesUnknown(request, this.#names)) return undefined;
    const reading = this.#shared.lookAgain(masks, this.#lookedMs);
    if (reading === undefined) return undefined;
    this.#lookedMs = performance.now();
    return reading.then(() => this.#adopt());
  }

  async readAgain(masks: readonly ColumnMask[]): Promise<void> {
    this.#member.masks = masks;
    await this.#shared.readAgain(masks);
    this.#adopt();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#shared.leave(this.#member);
    return Promise.resolve();
  }

  /** Whatever was done meanwhile must be known from here on, also what nobody saw being done. */
  #stopFollowing(isInTransaction: boolean): void {
    this.#isFollowing = false;
    this.#owed = "anything";
    this.#atLeast = this.#shared.nextReading;
    if (isInTransaction) this.unsettled = "anything";
    this.#show();
  }

  #adopt(): void {
    const { reading } = this.#shared;
    if (reading === this.reading && this.#owed === undefined && !this.#isFollowing) return;
    const isWhole = this.#shared.isCurrent(this.#atLeast);
    if (reading === this.reading && !isWhole && !this.#isFollowing) return;
    if (isWhole || typeof reading === "string") this.#owed = undefined;
    if (reading !== this.reading) {
      this.reading = reading;
      this.version += 1;
      this.#settled = typeof reading === "string" ? unread(this.#stock, reading) : reading.names;
    }
    this.#show();
  }

  #show(): void {
    const names = this.#isFollowing ? this.#followed() : this.#exact();
    if (names === this.#names) return;
    this.#names = names;
    this.version += 1;
  }

  #exact(): Catalog {
    return this.unsettled === undefined ? this.#settled : unsettled(this.#settled);
  }

  /** What may be out of date says nothing: relations that could be meant are all named, code counts as unknown. */
  #followed(): Catalog {
    const { reading } = this;
    const isOld = !this.#shared.isCurrent(0);
    if (typeof reading === "string" || isOld || this.#owed === "anything") return unlisted(this.#stock);
    return this.#owed === undefined ? this.#exact() : unsettled(this.#settled);
  }
}

function together(before: Unsettled, now: Unsettled): Unsettled {
  if (before === "anything" || now === "anything") return "anything";
  const relations: RelationName[] = [...(before?.relations ?? []), ...(now?.relations ?? [])];
  return relations.length > MENTIONED_MAX ? "anything" : { relations };
}

const NOTHING = { relations: undefined, functions: undefined, operators: undefined, types: undefined };

/** What was found with a catalog is kept by it: the same for the same. */
function madeOnce(make: (from: Catalog) => Catalog): (from: Catalog) => Catalog {
  const made = new WeakMap<Catalog, Catalog>();
  return (from) => {
    let catalog = made.get(from);
    if (catalog === undefined) made.set(from, (catalog = make(from)));
    return catalog;
  };
}

const unsettled = madeOnce(unsettledCatalog);
const unlisted = madeOnce((stock) => liveCatalog(stock, NOTHING));
const unread = (stock: Catalog, problem: string): Catalog => liveCatalog(stock, { ...NOTHING, problem });
const notYetRead = madeOnce((stock) => unread(stock, NOT_YET_READ));

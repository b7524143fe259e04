/** What the parts of analysis share: the statement in hand, what was found in it, and where in it we are. */
import type { DoubtCode, RelationName, StatementFacts, StatementVerb } from "./facts.ts";
import type { Gathering } from "./gathering.ts";
import type { SessionContext } from "./session.ts";
import type { Fields, Node, NodeTag } from "./tree.ts";

/** One access while it may still turn out to be unfiltered. */
export interface Deed {
  readonly verb: StatementVerb;
  readonly relation: RelationName | undefined;
  unfiltered: boolean;
  /** Many rows of it stand in one value, so that what leaves rows out later leaves out none of these. */
  collected: boolean;
}

/** One item of FROM, or the target of a write. */
export interface Source {
  readonly alias: string | undefined;
  /** The relations that it may be; empty for anything but a plain relation. */
  readonly relations: readonly RelationName[];
  /** Reads whose every row this item hands on. */
  readonly open: Deed[];
  /** What its whole row is made of, where that is more than `relations`: the items of a join with an alias. */
  readonly rows?: readonly RelationName[];
  /** Other names of its row: OLD and NEW under RETURNING. */
  readonly rowNames?: readonly string[];
  /** Every read inside it: what FOR UPDATE locks. */
  readonly reads: readonly Deed[];
  /** True when it has few rows by nature: a VALUES list. */
  readonly bounded: boolean;
}

export interface Join {
  readonly left: readonly Source[];
  readonly right: readonly Source[];
  readonly outer: boolean;
  readonly quals: Node | undefined;
  /** USING or NATURAL. */
  readonly byName: boolean;
}

/** One query level: whose names a column may belong to. */
export interface Level {
  readonly sources: Source[];
  readonly joins: Join[];
  readonly outer: Level | undefined;
}

/** A WITH query in sight. */
export interface Cte {
  readonly name: string;
  /** `waiting`: a later sibling under RECURSIVE, not looked at yet. */
  state: "waiting" | "inside" | "done";
  open: Deed[];
  /** Handed on whole by somebody who came before it was looked at. */
  handedOn: boolean;
}

export interface CteFrame {
  readonly cte: Cte;
  readonly outer: CteFrame | undefined;
}

export interface Scope {
  readonly ctes: CteFrame | undefined;
  readonly level: Level | undefined;
  /** What a relation means that is named outside FROM. */
  readonly bare: StatementVerb;
  /** Inside a condition: rows of a subquery here decide, but do not come out. */
  readonly condition: boolean;
}

/** What earlier statements of the same string may have changed before this one runs. */
export interface Flow {
  /** Every search path that may be in force. */
  paths: (readonly string[])[];
  /** A path that the text does not tell may be in force as well. */
  pathUnknown: boolean;
  /** The statement in hand leaves such a path behind; its own names are looked up before it does. */
  forgetsPath: boolean;
  /** Relations may have come, gone or moved: the catalog's answers about them are of yesterday. */
  relationsChanged: boolean;
  /** Prepared and declared in this string. */
  readonly prepared: Map<string, Node>;
  readonly cursors: Map<string, StatementFacts>;
  /** What `again` found, and under which flow: five hundred EXECUTE of one text are not five hundred analyses. */
  readonly again: Map<Node, { readonly under: string; readonly facts: StatementFacts }>;
}

export interface Work {
  readonly context: SessionContext;
  readonly flow: Flow;
  readonly facts: Gathering;
  doubt(code: DoubtCode, text: string): void;
  /** A tagged node, or a list of them. */
  visit(value: Node | readonly Node[] | undefined, scope: Scope): void;
  /** A node whose tag its parent left out. */
  visitAs<T extends NodeTag>(tag: T, fields: Fields<T> | undefined, scope: Scope): void;
  /** Everything below a node, but for the fields that the caller has dealt with. */
  children<T extends NodeTag>(tag: T, fields: Fields<T>, scope: Scope, except?: readonly string[]): void;
  /** Visits whatever may stand where rows come from, and returns the reads that it hands on whole. */
  rowsOf(node: Node | undefined, scope: Scope): Deed[];
  /** Analyses a node that was met in another statement of this string. */
  again(node: Node): StatementFacts;
}

export type Visitor<T extends NodeTag> = (work: Work, fields: Fields<T>, scope: Scope) => void;

export const OUTERMOST: Scope = { ctes: undefined, level: undefined, bare: "ddl", condition: false };

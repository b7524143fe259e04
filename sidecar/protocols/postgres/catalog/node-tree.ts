/**
 * Reads `pg_node_tree`, the form in which PostgreSQL keeps the query behind a view. Its fields differ from version to
 * version, so they are read by name, and whoever looks for one that is not there must say what that means.
 */

export interface TreeNode {
  readonly tag: string;
  readonly fields: ReadonlyMap<string, TreeValue>;
}
/** An atom is undefined for `<>`, which is NULL; the first atom of a field that has several. */
export type TreeValue = TreeNode | readonly TreeValue[] | string | undefined;

export class TreeUnreadable extends Error {
  override readonly name = "TreeUnreadable";
}

const DEPTH_MAX = 500;

export function readTree(text: string): TreeValue {
  const reader = new Reader(text);
  const value = reader.value(0);
  if (!reader.isAtEnd) throw new TreeUnreadable("something follows the tree");
  return value;
}

/** One token: a bracket, or anything up to white space or a bracket, where a backslash takes the next character as it is. */
const TOKEN = /\s*([(){}]|(?:\\[\s\S]|[^\s(){}\\])+)/y;

class Reader {
  readonly #text: string;
  #at = 0;
  #next: string | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#advance();
  }

  get isAtEnd(): boolean {
    return this.#next === undefined;
  }

  value(depth: number): TreeValue {
    if (depth > DEPTH_MAX) throw new TreeUnreadable("a tree is nested too deeply");
    const token = this.#take();
    switch (token) {
      case "(":
        return this.#list(depth);
      case "{":
        return this.#node(depth);
      case ")":
      case "}":
        throw new TreeUnreadable("a bracket closes nothing");
      case "<>":
        return undefined;
      default:
        return token.replaceAll(/\\([\s\S])/g, "$1");
    }
  }

  #list(depth: number): TreeValue[] {
    const items: TreeValue[] = [];
    while (this.#next !== ")") items.push(this.value(depth + 1));
    this.#take();
    return items;
  }

  #node(depth: number): TreeNode {
    const tag = this.#take();
    const fields = new Map<string, TreeValue>();
    while (this.#next !== "}") {
      const field = this.#take();
      if (!field.startsWith(":")) throw new TreeUnreadable("a field has no name");
      // Whatever comes first belongs to the field, even if it looks like the name of another: an alias may be `:relid`.
      fields.set(field.slice(1), this.value(depth + 1));
      while (this.#next !== "}" && this.#next?.startsWith(":") === false) this.value(depth + 1);
    }
    this.#take();
    return { tag, fields };
  }

  #take(): string {
    const token = this.#next;
    if (token === undefined) throw new TreeUnreadable("a tree ends early");
    this.#advance();
    return token;
  }

  #advance(): void {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match === null) {
      if (this.#text.slice(this.#at).trim() !== "") throw new TreeUnreadable("a tree ends in the middle");
      this.#next = undefined;
      return;
    }
    this.#at = TOKEN.lastIndex;
    this.#next = match[1];
  }
}

export const isNode = (value: TreeValue): value is TreeNode =>
  typeof value === "object" && !Array.isArray(value);

export function listOf(node: TreeNode, field: string): readonly TreeValue[] {
  const value = node.fields.get(field);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new TreeUnreadable(`${node.tag} has no list ${field}`);
  return value as readonly TreeValue[];
}

export function numberOf(node: TreeNode, field: string): number {
  const value = node.fields.get(field);
  const number = typeof value === "string" ? Number(value) : Number.NaN;
  if (!Number.isInteger(number)) throw new TreeUnreadable(`${node.tag} has no number ${field}`);
  return number;
}

export function textOf(node: TreeNode, field: string): string {
  const value = node.fields.get(field);
  if (typeof value !== "string") throw new TreeUnreadable(`${node.tag} has no text ${field}`);
  return value;
}

// The rows of a live table: newest first, bounded, and still while they are read.

import { ms, type Parts } from "../pure/time.ts";

/** What a row must have. */
export interface Row {
  id: string;
  createTime?: Parts | undefined;
  updateTime?: Parts | undefined;
}

/** Rows beyond this many, the oldest, are dropped. */
export const mostRows = 10_000;

export class Rows<T extends Row> {
  #order: T[] = [];
  #shown = new Map<string, T>();
  #held = new Map<string, T>();
  readonly #most: number;

  constructor(most = mostRows) {
    this.#most = most;
  }

  /** The rows, newest first. The array is never changed in place. */
  get list(): readonly T[] {
    return this.#order;
  }

  /** New rows that wait for `release`. */
  get held(): number {
    return this.#held.size;
  }

  /** Whether a row is known, shown or held. */
  has(id: string): boolean {
    return this.#shown.has(id) || this.#held.has(id);
  }

  /** Takes a page of older rows, or the first page. */
  append(page: readonly T[]): void {
    for (const row of page) {
      if (!this.#shown.has(row.id)) {
        this.#shown.set(row.id, row);
      }
    }
    this.#sort();
  }

  /** Takes changes in the order in which they happened; with `hold`, new rows do not move the others. */
  put(changes: readonly T[], hold: boolean): void {
    for (const row of changes) {
      const shown = this.#shown.get(row.id);
      if (shown !== undefined) {
        if (!isOlder(row, shown)) {
          this.#shown.set(row.id, row);
        }
      } else if (hold) {
        this.#held.set(row.id, row);
      } else {
        this.#shown.set(row.id, row);
      }
    }
    this.#bound(this.#held);
    this.#sort();
  }

  /** Shows the rows that were held. */
  release(): void {
    for (const [id, row] of this.#held) {
      this.#shown.set(id, row);
    }
    this.#held.clear();
    this.#sort();
  }

  #sort(): void {
    this.#order = [...this.#shown.values()].sort(newestFirst);
    for (const dropped of this.#order.splice(this.#most)) {
      this.#shown.delete(dropped.id);
    }
  }

  #bound(rows: Map<string, T>): void {
    for (const id of rows.keys()) {
      if (rows.size <= this.#most) {
        return;
      }
      rows.delete(id);
    }
  }
}

function newestFirst(a: Row, b: Row): number {
  const later = (ms(b.createTime) ?? 0) - (ms(a.createTime) ?? 0);
  return later !== 0 ? later : a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** A list that was fetched after a change may carry news that the change does not. */
function isOlder(row: Row, than: Row): boolean {
  return (ms(row.updateTime) ?? 0) < (ms(than.updateTime) ?? 0);
}

// Which element of the page shows which row.

/** Boxes by number. A row keeps its box while it is shown; one that comes in takes that of one that went out. */
export class Boxes {
  private shown = new Map<string, number>();
  private made = 0;

  /**
   * The box of each row of `ids`, which are in the order of the page. Where most are new, boxes keep their places
   * instead: to write all texts anew costs less than to move half of the boxes. The box `held` goes to no other row.
   */
  assign(ids: readonly string[], held?: number): number[] {
    const common = ids.filter((id) => this.shown.has(id));
    const stay = new Set(held === undefined && 2 * common.length < ids.length ? [] : common);
    const free = [...this.shown].filter(([id, box]) => !stay.has(id) && box !== held).map(([, box]) => box);
    const boxOf = (id: string): number | undefined => (stay.has(id) ? this.shown.get(id) : free.shift());
    this.shown = new Map(ids.map((id) => [id, boxOf(id) ?? this.made++]));
    return [...this.shown.values()];
  }
}

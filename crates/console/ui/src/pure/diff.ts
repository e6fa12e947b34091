// The difference of two texts, line by line (Myers, "An O(ND) Difference Algorithm", 1986).

export type Change = "same" | "removed" | "added";

export interface DiffLine {
  change: Change;
  text: string;
}

/** Beyond so many differences two texts are shown one after the other. */
const mostDifferences = 500;

/** The lines of both texts with what became of each. */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = before === "" ? [] : before.split("\n");
  const b = after === "" ? [] : after.split("\n");
  const trace = shortestEdit(a, b);
  if (trace === undefined) {
    return [...a.map((text) => line("removed", text)), ...b.map((text) => line("added", text))];
  }
  return walkBack(a, b, trace);
}

/** Whether anything differs. */
export function differs(lines: DiffLine[]): boolean {
  return lines.some(({ change }) => change !== "same");
}

/** Only what changed, with so many lines around it; `undefined` stands for a gap. */
export function hunks(lines: DiffLine[], around = 3): (DiffLine | undefined)[] {
  const near = lines.map((_, at) =>
    lines.slice(Math.max(0, at - around), at + around + 1).some(({ change }) => change !== "same"),
  );
  const made: (DiffLine | undefined)[] = [];
  lines.forEach((one, at) => {
    if (near[at] === true) {
      made.push(one);
    } else if (made.length === 0 || made.at(-1) !== undefined) {
      made.push(undefined);
    }
  });
  return made;
}

function line(change: Change, text: string): DiffLine {
  return { change, text };
}

/** For each number of differences, how far each diagonal reaches in `a`. */
function shortestEdit(a: string[], b: string[]): Map<number, number>[] | undefined {
  const reach = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= Math.min(a.length + b.length, mostDifferences); d++) {
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      let x = startOn(reach, k, d);
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) {
        x += 1;
      }
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) {
        return trace;
      }
    }
  }
  return undefined;
}

/** Where a path onto diagonal `k` begins: from above (an addition) or from the left (a removal). */
function startOn(reach: Map<number, number>, k: number, d: number): number {
  const left = reach.get(k - 1) ?? -1;
  const above = reach.get(k + 1) ?? -1;
  return k === -d || (k !== d && left < above) ? above : left + 1;
}

function walkBack(a: string[], b: string[], trace: Map<number, number>[]): DiffLine[] {
  const made: DiffLine[] = [];
  let x = a.length;
  let y = b.length;
  for (let d = trace.length - 1; d >= 0; d--) {
    const reach = trace[d] ?? new Map<number, number>();
    const k = x - y;
    const start = startOn(reach, k, d);
    while (x > start && y > 0 && x > 0) {
      made.push(line("same", a[x - 1] ?? ""));
      x -= 1;
      y -= 1;
    }
    if (d === 0) {
      break;
    }
    const added = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    made.push(added ? line("added", b[y - 1] ?? "") : line("removed", a[x - 1] ?? ""));
    if (added) {
      y -= 1;
    } else {
      x -= 1;
    }
  }
  return made.reverse();
}

// Tables. Only the rows near the window are in the page: some forty of 10,000.
//
// Rows are boxes of a fixed height that nothing in them can change, so that those that come and go while one scrolls are
// laid out without the others. A table's own layout would measure them together. What the boxes take from the
// elements, their roles, is given back by name. A row that comes in takes the box of one that went out: to change
// its texts costs half of making it.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Boxes } from "../pure/boxes.ts";

/** A column; `width` is a class of the style sheet. */
export interface Column<T> {
  title: string;
  width: string;
  render: (row: T) => ComponentChildren;
}

export interface TableProps<T> {
  /** What it lists, for screen readers. */
  label: string;
  rows: readonly T[];
  columns: Column<T>[];
  id: (row: T) => string;
  /** The page that a row opens; the first column is the link. */
  href?: (row: T) => string;
  /** What is shown without rows. */
  empty: ComponentChildren;
  /** Is called when the end comes near. */
  onEnd?: () => void;
  /** Is called with whether the first row is out of sight. */
  onReading?: (reading: boolean) => void;
}

/** Height of a row in CSS pixels; `--row` of the style sheet is the same. */
const rowHeight = 38;
/** Rows beyond the window on each side. */
const margin = 6;
/** The window moves by as many rows at once, so that they stay in place while it moves less. */
const step = 4;

export function Table<T>({ label, rows, columns, id, href, empty, onEnd, onReading }: TableProps<T>): JSX.Element {
  const body = useRef<HTMLTableSectionElement>(null);
  const { first, last } = useVisible(body, rows.length, onReading);
  const boxes = useMemo(() => new Boxes(), []);
  useEffect(() => {
    if (last === rows.length && rows.length > 0) {
      onEnd?.();
    }
  }, [last, rows.length]);
  if (rows.length === 0) {
    return <div class="empty">{empty}</div>;
  }
  const visible = rows.slice(first, last);
  const boxOf = boxes.assign(visible.map(id), focusedBox(body.current));
  return (
    <table class="table" role="table" aria-label={label} aria-rowcount={rows.length + 1}>
      <thead role="rowgroup">
        <tr role="row" aria-rowindex={1}>
          {columns.map(({ title, width }) => (
            <th role="columnheader" class={width} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" ref={body}>
        <Spacer rows={first} />
        {visible.map((row, at) => (
          <tr
            key={boxOf[at]}
            data-box={boxOf[at]}
            role="row"
            aria-rowindex={first + at + 2}
            class={href === undefined ? undefined : "opens"}
          >
            {columns.map(({ width, render }, column) => (
              <td role="cell" class={width}>
                {column === 0 && href !== undefined ? (
                  <a class="row" data-row href={href(row)}>
                    {render(row)}
                  </a>
                ) : (
                  render(row)
                )}
              </td>
            ))}
          </tr>
        ))}
        <Spacer rows={rows.length - last} />
      </tbody>
    </table>
  );
}

/** The box with the focus. No other row takes it, or the focus would come to a row that nobody chose. */
function focusedBox(body: HTMLElement | null): number | undefined {
  const focused = document.activeElement;
  const box = body?.contains(focused) === true ? focused?.closest("tr")?.dataset["box"] : undefined;
  return box === undefined ? undefined : Number(box);
}

/** The room of rows that are not in the page. */
function Spacer({ rows }: { rows: number }): JSX.Element | null {
  return rows === 0 ? null : <tr class="spacer" aria-hidden="true" style={{ height: `${rows * rowHeight}px` }} />;
}

/** The rows that belong into the page, the last one not included; they follow the scrolling. */
function useVisible(
  body: { current: HTMLElement | null },
  count: number,
  onReading: TableProps<never>["onReading"],
): { first: number; last: number } {
  const first = useSignal(0);
  const shown = useSignal(0);
  const measure = (): void => {
    const top = body.current?.getBoundingClientRect().top ?? 0;
    const at = Math.floor(-top / rowHeight) - margin;
    shown.value = Math.ceil(innerHeight / rowHeight) + 2 * margin + step;
    first.value = Math.max(0, Math.min(at - (at % step), count - shown.value));
    onReading?.(top < -rowHeight);
  };
  useLayoutEffect(measure, [count]);
  useEffect(() => {
    let frame = 0;
    const soon = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        measure();
      });
    };
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, [count]);
  return { first: first.value, last: Math.min(count, first.value + shown.value) };
}

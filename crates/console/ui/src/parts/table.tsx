// Tables. Only the rows near the window are in the page: at most 60 of 10,000.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

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
const margin = 8;
/** The most rows in the page. */
const mostShown = 60;

export function Table<T>({ label, rows, columns, id, href, empty, onEnd, onReading }: TableProps<T>): JSX.Element {
  const body = useRef<HTMLTableSectionElement>(null);
  const first = useVisible(body, rows.length, onReading);
  const last = Math.min(rows.length, first + mostShown);
  useEffect(() => {
    if (last === rows.length && rows.length > 0) {
      onEnd?.();
    }
  }, [last, rows.length]);
  if (rows.length === 0) {
    return <div class="empty">{empty}</div>;
  }
  return (
    <table class="table" aria-label={label} aria-rowcount={rows.length + 1}>
      <thead>
        <tr aria-rowindex={1}>
          {columns.map(({ title, width }) => (
            <th class={width} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <Spacer rows={first} />
        {rows.slice(first, last).map((row, at) => (
          <tr key={id(row)} aria-rowindex={first + at + 2} class={href === undefined ? undefined : "opens"}>
            {columns.map(({ width, render }, column) => (
              <td class={width}>
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

/** It spans no columns: those that the style sheet hides would take a share of the width. */
function Spacer({ rows }: { rows: number }): JSX.Element | null {
  return rows === 0 ? null : (
    <tr class="spacer" aria-hidden="true">
      <td style={{ height: `${rows * rowHeight}px` }} />
    </tr>
  );
}

/** The index of the first row that belongs into the page; it follows the scrolling. */
function useVisible(
  body: { current: HTMLElement | null },
  count: number,
  onReading: TableProps<never>["onReading"],
): number {
  const first = useSignal(0);
  const measure = (): void => {
    const top = body.current?.getBoundingClientRect().top ?? 0;
    // An even step keeps rows in place while the window moves within it.
    const at = Math.floor(-top / rowHeight) - margin;
    first.value = Math.max(0, Math.min(at - (at % 4), count - mostShown));
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
  return first.value;
}

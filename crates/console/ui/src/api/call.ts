// Calls as pages use them: data that stays while it is fetched again, and actions with their progress.

import { type ReadonlySignal, type Signal, useSignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { TenterhookError } from "tenterhook/web";
import { noteOutcome } from "./client.ts";

/** A call whose result a page shows. */
export interface Call<T> {
  /** The last result; it stays while a newer one is fetched. */
  data: T | undefined;
  error: TenterhookError | undefined;
  loading: boolean;
  reload(): void;
}

interface State<T> {
  data: T | undefined;
  error: TenterhookError | undefined;
  loading: boolean;
  key: string;
}

/**
 * Fetches whenever `key` or `version` changes and, with `everyMs`, again and again while the page is
 * visible. What another key gave is not shown; what another version gave is, until there is better.
 */
export function useCall<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs?: number,
  version = "",
): Call<T> {
  const state = useSignal<State<T>>({ data: undefined, error: undefined, loading: true, key });
  const round = useSignal(0);
  const latest = useRef(load);
  latest.current = load;
  const number = round.value;
  useEffect(() => {
    const abort = new AbortController();
    const before = state.peek();
    state.value = { ...before, data: before.key === key ? before.data : undefined, loading: true, key };
    latest.current(abort.signal).then(
      (data) => settle(state, abort.signal, { data, error: undefined, loading: false, key }),
      (thrown: unknown) => {
        const error = asError(thrown);
        settle(state, abort.signal, { ...state.peek(), error, loading: false });
      },
    );
    const timer = everyMs === undefined ? undefined : setInterval(() => !document.hidden && round.value++, everyMs);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [key, version, number]);
  const reload = useCallback(() => void round.value++, []);
  return { ...state.value, data: state.value.key === key ? state.value.data : undefined, reload };
}

function settle<T>(state: Signal<State<T>>, signal: AbortSignal, value: State<T>): void {
  if (!signal.aborted) {
    noteOutcome(value.error);
    state.value = value;
  }
}

/** Something that the user sets off. */
export interface Action {
  busy: ReadonlySignal<boolean>;
  error: Signal<TenterhookError | undefined>;
  /** Resolves to whether it succeeded. */
  run(task: () => Promise<unknown>): Promise<boolean>;
}

/** An action of a component. */
export function useAction(): Action {
  const busy = useSignal(false);
  const error = useSignal<TenterhookError | undefined>(undefined);
  const run = useCallback(async (task: () => Promise<unknown>) => {
    busy.value = true;
    error.value = undefined;
    try {
      await task();
      noteOutcome(undefined);
      return true;
    } catch (thrown) {
      error.value = asError(thrown);
      noteOutcome(error.value);
      return false;
    } finally {
      busy.value = false;
    }
  }, []);
  return { busy, error, run };
}

/** What a call threw; a bug of the page is thrown on, so that the browser's console shows it. */
export function asError(thrown: unknown): TenterhookError {
  if (thrown instanceof TenterhookError) {
    return thrown;
  }
  throw thrown;
}

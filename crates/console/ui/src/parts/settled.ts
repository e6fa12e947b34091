// A value that is followed once it has rested for a moment, such as text that is typed.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

const restMs = 300;

/** The value as it was when it last rested for 300 ms. */
export function useSettled(value: string): string {
  const settled = useSignal(value);
  useEffect(() => {
    const timer = setTimeout(() => (settled.value = value), restMs);
    return () => clearTimeout(timer);
  }, [value]);
  return settled.value;
}

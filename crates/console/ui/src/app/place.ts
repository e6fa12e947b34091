// Where the reader is: the path, the query and the namespace, as signals. Links are plain anchors;
// a click on one is taken over here, so that it can still be opened in another tab.

import { computed, signal } from "@preact/signals";
import { base, readRoute, writePath } from "../pure/routes.ts";

const here = signal(location.pathname + location.search);

/** The page that the path names. */
export const route = computed(() => readRoute(new URL(here.value, location.origin).pathname));

/** The query of the path. */
export const query = computed(() => new URL(here.value, location.origin).searchParams);

/** The namespace that is shown. */
export const namespace = computed(() => query.value.get("namespace") ?? "default");

/** The path of a page in the namespace that is shown. */
export function path(segments: string[], values: Record<string, string> = {}): string {
  return writePath(namespace.value, segments, values);
}

/** Goes to a path of the console. */
export function go(to: string, replace = false): void {
  if (to !== here.peek()) {
    history[replace ? "replaceState" : "pushState"](null, "", to);
    here.value = to;
    if (!replace) {
      scrollTo(0, 0);
    }
  }
}

/** Changes values of the query in place; empty ones are left out. */
export function setQuery(values: Record<string, string>): void {
  const url = new URL(here.peek(), location.origin);
  for (const [name, value] of Object.entries(values)) {
    if (value === "") {
      url.searchParams.delete(name);
    } else {
      url.searchParams.set(name, value);
    }
  }
  go(url.pathname + url.search, true);
}

/** Follows clicks on links and the browser's buttons. */
export function followLinks(): void {
  addEventListener("popstate", () => {
    here.value = location.pathname + location.search;
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (link === null || !plain || event.defaultPrevented || link.target !== "" || link.origin !== location.origin) {
      return;
    }
    if (link.pathname.startsWith(`${base}/`)) {
      event.preventDefault();
      go(link.pathname + link.search);
    }
  });
}

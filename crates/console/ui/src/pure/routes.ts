// Paths of the console: which page a path names, and the path of each page.

/** What a path names. */
export interface Route {
  page:
    | "overview"
    | "webhooks"
    | "new-webhook"
    | "webhook"
    | "deliveries"
    | "delivery"
    | "events"
    | "event"
    | "access"
    | "server"
    | "nowhere";
  /** The id in the path, if there is one. */
  id: string;
  /** The tab of the page, if it has some. */
  tab: string;
}

export const base = "/console";

/** Reads a path. */
export function readRoute(path: string): Route {
  const [first = "", second = "", third = "", ...rest] = segments(path);
  const one = (page: Route["page"], id = "", tab = ""): Route => ({ page, id, tab });
  if (rest.length > 0 || (third !== "" && first !== "webhooks")) {
    return one("nowhere");
  }
  switch (first) {
    case "":
      return one("overview");
    case "webhooks":
      return second === "" ? one("webhooks") : second === "new" ? one("new-webhook") : one("webhook", second, third);
    case "deliveries":
      return second === "" ? one("deliveries") : one("delivery", second);
    case "events":
      return second === "" ? one("events") : one("event", second);
    case "access":
      return second === "" ? one("access") : one("nowhere");
    case "server":
      return second === "" ? one("server") : one("nowhere");
    default:
      return one("nowhere");
  }
}

function segments(path: string): string[] {
  const inner = path.startsWith(base) ? path.slice(base.length) : path;
  return inner
    .split("/")
    .filter((segment) => segment !== "")
    .map(decodeSegment);
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** A path with its query; empty values are left out, and so is the default namespace. */
export function writePath(namespace: string, segmentsOfPath: string[], query: Record<string, string> = {}): string {
  const path = [base, ...segmentsOfPath.map(encodeURIComponent)].join("/");
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, namespace: namespace === "default" ? "" : namespace })) {
    if (value !== "") {
      search.set(name, value);
    }
  }
  return `${path === base ? `${base}/` : path}${search.size === 0 ? "" : `?${search}`}`;
}

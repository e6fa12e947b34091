// What the server says about itself and about the caller. Buttons follow the role; the server decides.

import { computed, signal } from "@preact/signals";
import type { GetServerInfoResponse } from "tenterhook/web";
import { namespace, setQuery } from "../app/place.ts";
import { ms } from "../pure/time.ts";
import { asError } from "./call.ts";
import { api, code, noteOutcome } from "./client.ts";

/** What the caller may do, each including those before. */
export type Right = "view" | "operate" | "administer";

const order: Right[] = ["view", "operate", "administer"];
const rights: Record<string, Right> = { viewer: "view", operator: "operate", admin: "administer" };
/** Namespaces that the choice offers at most. */
const mostNamespaces = 1000;
/** Wait before the server is asked again after it could not be reached. */
const againMs = 2000;

export const serverInfo = signal<GetServerInfoResponse | undefined>(undefined);

/** The namespaces that the caller may see. */
export const namespaces = signal<string[]>([]);

/** The roles that the caller has in the namespace that is shown. */
export const roles = computed(() => {
  const grants = serverInfo.value?.caller?.grants ?? [];
  return grants
    .filter((grant) => grant.namespace === "*" || grant.namespace === namespace.value)
    .map(({ role }) => role);
});

/** The only webhook that the caller sees; empty when it sees all of the namespace. */
export const onlyWebhook = computed(() => {
  const grants = serverInfo.value?.caller?.grants ?? [];
  return grants.every(({ webhookId }) => webhookId !== "") ? (grants[0]?.webhookId ?? "") : "";
});

/** When the caller's first grant ends, in milliseconds since 1970. */
export const callerEnd = computed(() => {
  const ends = (serverInfo.value?.caller?.grants ?? []).map(({ expireTime }) => ms(expireTime));
  return ends.reduce((first, end) => (first === undefined || (end ?? Infinity) < first ? end : first), undefined);
});

/** Whether the caller has a role in every namespace. */
export const seesAll = computed(() =>
  (serverInfo.value?.caller?.grants ?? []).some((grant) => grant.namespace === "*"),
);

/** Whether the caller may do what needs this right. */
export function may(needed: Right): boolean {
  return roles.value.some((role) => order.indexOf(rights[role] ?? "view") >= order.indexOf(needed));
}

/** Asks whether calls are let in, and who the caller is. */
export async function openSession(): Promise<void> {
  try {
    serverInfo.value = await api.server.getServerInfo({});
    namespaces.value = await visibleNamespaces();
    if (roles.value.length === 0) {
      // A key for other namespaces: begin in its first.
      setQuery({ namespace: namespaces.value[0] ?? "" });
    }
    noteOutcome(undefined);
  } catch (thrown) {
    const error = asError(thrown);
    noteOutcome(error);
    if (error.code === code.unavailable) {
      setTimeout(() => void openSession(), againMs);
    }
  }
}

/** The namespaces that hold something, and those that a key is for. */
async function visibleNamespaces(): Promise<string[]> {
  if (!seesAll.value) {
    return [...new Set((serverInfo.value?.caller?.grants ?? []).map((grant) => grant.namespace))].sort();
  }
  const held = (await api.server.listNamespaces({ pageSize: mostNamespaces })).namespaces.map(({ name }) => name);
  return [...new Set(["default", ...held])].sort();
}

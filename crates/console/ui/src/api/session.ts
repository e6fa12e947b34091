// Signing in and out. The key is posted once and forgotten; the server answers with a cookie that
// script cannot read.

import { signal } from "@preact/signals";
import { session } from "./client.ts";
import { openSession } from "./server.ts";

const endpoint = "/console/session";

/** Why signing in failed; empty when it did not. */
export const refusal = signal("");

/** Exchanges a key or a link's token for a session. */
export async function signIn(key: string): Promise<void> {
  refusal.value = "";
  try {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key }),
    });
    if (response.ok) {
      await openSession();
    } else {
      refusal.value =
        response.status === 401
          ? "The server does not know this key or token, or it has expired."
          : `The server refused to open a session (${response.status}).`;
      session.value = "closed";
    }
  } catch {
    refusal.value = "The server cannot be reached.";
  }
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  try {
    await fetch(endpoint, { method: "DELETE" });
  } finally {
    session.value = "closed";
  }
}

/**
 * A customer's link carries its token in the fragment, which browsers never send: it is taken out of
 * the address before anything else happens.
 */
export function takeTokenFromLink(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) {
    history.replaceState(null, "", location.pathname + location.search);
  }
  return token ?? undefined;
}

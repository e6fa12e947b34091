// Signing in: one field for an API key.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { refusal, signIn } from "../api/session.ts";
import { Mark } from "../parts/icons.tsx";

export function SignIn(): JSX.Element {
  const key = useSignal("");
  const busy = useSignal(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const given = key.value.trim();
    key.value = "";
    busy.value = true;
    await signIn(given);
    busy.value = false;
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <Mark />
        <h1>Tenterhook</h1>
        <label class="field">
          <span class="label">API key or access token</span>
          <input
            class="mono"
            type="password"
            name="key"
            autocomplete="off"
            spellcheck={false}
            placeholder="th_…"
            required
            autofocus
            value={key.value}
            onInput={(event) => (key.value = event.currentTarget.value)}
          />
          <span class="hint">
            Used once to open a session and never kept. <code>tenterhook key new</code> makes a key.
          </span>
        </label>
        <p class="refusal" role="alert">
          {refusal.value}
        </p>
        <button type="submit" class="button primary" disabled={busy.value}>
          Sign in
        </button>
      </form>
    </main>
  );
}

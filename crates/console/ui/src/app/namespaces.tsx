// The choice of a namespace. A key for one namespace has none; a key for all may name one that is still empty.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { namespaces, seesAll } from "../api/server.ts";
import { plain } from "../pure/text.ts";
import { writePath } from "../pure/routes.ts";
import { Text } from "../parts/text.tsx";
import { go, namespace } from "./place.ts";

function choose(name: string): void {
  if (name !== "") {
    go(writePath(name, []));
  }
}

export function NamespaceChoice(): JSX.Element {
  const typed = useSignal<string | undefined>(undefined);
  if (!seesAll.value) {
    return <OwnNamespace />;
  }
  return (
    <>
      <input
        class="namespace"
        aria-label="Namespace"
        title="Namespace"
        list="namespaces"
        spellcheck={false}
        value={typed.value ?? namespace.value}
        onFocus={() => (typed.value = "")}
        onBlur={() => (typed.value = undefined)}
        onInput={(event) => (typed.value = event.currentTarget.value)}
        onChange={(event) => {
          const name = event.currentTarget.value.trim();
          event.currentTarget.blur();
          choose(name);
        }}
      />
      <datalist id="namespaces">
        {namespaces.value.map((name) => (
          <option value={name} />
        ))}
      </datalist>
    </>
  );
}

/** The namespace of the key, or the choice among those of the key. */
function OwnNamespace(): JSX.Element {
  const own = namespaces.value;
  if (own.length < 2) {
    return (
      <span class="own-namespace">
        <Text value={namespace.value} />
      </span>
    );
  }
  return (
    <select
      class="namespace"
      aria-label="Namespace"
      value={namespace.value}
      onChange={(event) => choose(event.currentTarget.value)}
    >
      {own.map((name) => (
        <option value={name}>{plain(name)}</option>
      ))}
    </select>
  );
}

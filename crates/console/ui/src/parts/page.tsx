// The frame of a page: its title, its actions, and the commands that show the same in a terminal.

import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { namespace } from "../app/place.ts";
import { grpcurl, tenterhook } from "../pure/shell.ts";
import { plain } from "../pure/text.ts";
import { Copy } from "./button.tsx";
import { Icon } from "./icons.tsx";
import { Text } from "./text.tsx";

/** What fetches the same as a page. */
export interface Commands {
  /** The method, such as `DeliveryService/GetDelivery`, and its request. */
  method: string;
  request: object;
  /** Set where the request takes no namespace. */
  unscoped?: true;
  /** Words of the `tenterhook` command, if one shows it. */
  words?: string[];
}

export interface PageProps {
  title: string;
  /** What stands after the title, such as a state. */
  after?: ComponentChildren;
  /** The page above. */
  up?: { title: string; href: string };
  actions?: ComponentChildren;
  commands?: Commands;
  /** Fetches what it shows; an undefined answer without an error is on its way. */
  call?: { data: unknown; error: unknown };
  children: ComponentChildren;
}

export function Page({ title, after, up, actions, commands, call, children }: PageProps): JSX.Element {
  useEffect(() => {
    document.title = `${plain(title)} · Tenterhook`;
  }, [title]);
  return (
    <div class="page">
      <header class="page-head">
        {up === undefined ? null : (
          <a class="up" href={up.href}>
            {up.title}
          </a>
        )}
        <div class="page-title">
          <h1>
            <Text value={title} />
          </h1>
          {after}
          <span class="push" />
          <div class="actions">{actions}</div>
        </div>
      </header>
      {children}
      {call === undefined || call.data !== undefined || call.error !== undefined ? null : (
        <p class="loading" role="status" aria-busy="true">
          Loading…
        </p>
      )}
      {commands === undefined ? null : <Terminal commands={commands} />}
    </div>
  );
}

function Terminal({ commands: { method, request, unscoped, words } }: { commands: Commands }): JSX.Element {
  const scoped = unscoped || namespace.value === "default" ? request : { namespace: namespace.value, ...request };
  const commands = words === undefined ? [] : [tenterhook(namespace.value, ...words)];
  const lines = [...commands, grpcurl(location.origin, method, scoped)];
  return (
    <details class="terminal">
      <summary>
        <Icon name="terminal" /> From a terminal
      </summary>
      {lines.map((line) => (
        <div class="command">
          <code>
            <Text value={line} />
          </code>
          <Copy text={() => line} label="command" />
        </div>
      ))}
    </details>
  );
}

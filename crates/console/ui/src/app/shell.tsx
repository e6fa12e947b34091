// What surrounds every page: navigation, namespace, theme, who is signed in, notices.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { callerEnd, may, onlyWebhook, roles, serverInfo } from "../api/server.ts";
import { unreachable } from "../api/client.ts";
import { signOut } from "../api/session.ts";
import { Icon, type IconName, Mark } from "../parts/icons.tsx";
import { Text } from "../parts/text.tsx";
import { Ago } from "../parts/time.tsx";
import { helpOpen } from "./keys.ts";
import { NamespaceChoice } from "./namespaces.tsx";
import { notices } from "./notices.ts";
import { path, route } from "./place.ts";
import { nextTheme, theme } from "./theme.ts";

interface Entry {
  title: string;
  icon: IconName;
  segments: string[];
  pages: string[];
  /** Whether the caller has a use for it; always when it is left out. */
  shown?: () => boolean;
}

const entries: Entry[] = [
  { title: "Overview", icon: "overview", segments: [], pages: ["overview"] },
  { title: "Webhooks", icon: "webhooks", segments: ["webhooks"], pages: ["webhooks", "webhook", "new-webhook"] },
  { title: "Deliveries", icon: "deliveries", segments: ["deliveries"], pages: ["deliveries", "delivery"] },
  {
    title: "Events",
    icon: "events",
    segments: ["events"],
    pages: ["events", "event"],
    shown: () => onlyWebhook.value === "",
  },
  { title: "Access", icon: "key", segments: ["access"], pages: ["access"], shown: () => may("administer") },
  { title: "Server", icon: "server", segments: ["server"], pages: ["server"] },
];

export function Shell({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="side">
        <div class="side-top">
          <a class="brand" href={path([])}>
            <Mark />
            <span>Tenterhook</span>
          </a>
          <NamespaceChoice />
        </div>
        <Pages />
        <div class="side-end">
          <Who />
          <button
            type="button"
            class="copy"
            aria-label={`Theme: ${theme.value}`}
            title={`Theme: ${theme.value}`}
            onClick={nextTheme}
          >
            <Icon name="theme" />
          </button>
          <button type="button" class="copy" aria-label="Keys" title="Keys" onClick={() => (helpOpen.value = true)}>
            <span aria-hidden="true">?</span>
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {unreachable.value ? (
          <p class="banner" role="status">
            The server cannot be reached. What is shown may be old; deliveries go on without this page.
          </p>
        ) : null}
        {children}
      </main>
    </div>
  );
}

function Pages(): JSX.Element {
  const nav = useRef<HTMLElement>(null);
  const { page } = route.value;
  // On a narrow screen the pages are a row that scrolls.
  useEffect(() => {
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [page]);
  return (
    <nav aria-label="Pages" ref={nav}>
      {entries
        .filter(({ shown }) => shown?.() ?? true)
        .map(({ title, icon, segments, pages }) => (
          <a href={path(segments)} aria-current={pages.includes(page) ? "page" : undefined}>
            <Icon name={icon} />
            <span>{title}</span>
          </a>
        ))}
    </nav>
  );
}

function Who(): JSX.Element {
  const info = serverInfo.value;
  // A server that asks nobody still knows who came by a link.
  const anonymous = info?.server?.features.includes("anonymous") === true && info.caller?.name === "anonymous";
  return (
    <span class="who">
      {info?.caller === undefined || anonymous ? null : (
        <>
          <span>
            <Text value={info.caller.name === "" ? "signed in" : info.caller.name} />{" "}
            <span class="faint">
              ({roles.value.join(", ")}
              {callerEnd.value === undefined ? null : (
                <>
                  , ends <Ago at={callerEnd.value} />
                </>
              )}
              )
            </span>
          </span>
          <button type="button" class="link" onClick={() => void signOut()}>
            Sign out
          </button>
        </>
      )}
    </span>
  );
}

/** Notices that pass, for eyes and screen readers. */
export function Notices(): JSX.Element {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ number, text }) => (
        <p key={number}>
          <Text value={text} />
        </p>
      ))}
    </div>
  );
}

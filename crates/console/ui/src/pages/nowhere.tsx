// A path that names no page.

import type { JSX } from "preact";
import { path } from "../app/place.ts";
import { Page } from "../parts/page.tsx";

export function Nowhere(): JSX.Element {
  return (
    <Page title="No such page">
      <p>
        Go to the <a href={path([])}>overview</a>.
      </p>
    </Page>
  );
}

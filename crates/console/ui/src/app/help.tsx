// The keys of the console.

import type { JSX } from "preact";
import { Dialog } from "../parts/dialog.tsx";
import { helpOpen, keyHelp } from "./keys.ts";

export function Help(): JSX.Element | null {
  if (!helpOpen.value) {
    return null;
  }
  return (
    <Dialog title="Keys" onClose={() => (helpOpen.value = false)}>
      <dl class="keys">
        {keyHelp.map(([key, what]) => (
          <div>
            <dt>
              {key.split(/\s+/).map((one) => (
                <kbd>{one}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

// Errors of calls: what was wrong, field by field, and what helps.

import type { JSX } from "preact";
import type { TenterhookError } from "tenterhook/web";
import { code } from "../api/client.ts";
import { capitalised } from "../pure/text.ts";
import { Button } from "./button.tsx";
import { Icon } from "./icons.tsx";
import { Text } from "./text.tsx";

/** An error, with a button to try again where that may help: what is not there does not come back. */
export function Failure({
  error,
  retry,
}: {
  error: TenterhookError | undefined;
  retry?: () => void;
}): JSX.Element | null {
  if (error === undefined) {
    return null;
  }
  return (
    <div class="failure" role="alert">
      <Icon name="alert" />
      <div>
        <strong>
          <Text value={title(error)} />
        </strong>
        {error.code === code.notFound ? <p>It may have been deleted, or its retention has ended.</p> : null}
        {error.fieldViolations.length > 0 ? (
          <ul>
            {error.fieldViolations.map(({ field, description }) => (
              <li>
                <code>
                  <Text value={field} />
                </code>{" "}
                <Text value={description} />
              </li>
            ))}
          </ul>
        ) : null}
      </div>
      {retry === undefined || error.code === code.notFound ? null : <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

function title(error: TenterhookError): string {
  switch (error.code) {
    case code.unavailable:
      return "The server cannot be reached. Deliveries go on without this page.";
    case code.permissionDenied:
      return `Your key may not do this. ${error.rawMessage}`;
    case code.unimplemented:
      return "This server is older than its console and cannot do this.";
    default:
      return error.fieldViolations.length > 0 ? "The request was refused." : capitalised(error.rawMessage);
  }
}

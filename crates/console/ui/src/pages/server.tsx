// The server: version, store, retention, features, every limit; and who the caller is.

import type { JSX } from "preact";
import type { CallerInfo, ServerInfo, ServerLimit } from "tenterhook/web";
import { useCall } from "../api/call.ts";
import { api } from "../api/client.ts";
import { namespaces } from "../api/server.ts";
import { namespace } from "../app/place.ts";
import { writePath } from "../pure/routes.ts";
import { bytesText, countText } from "../pure/text.ts";
import { ageText, durationText, ms } from "../pure/time.ts";
import { Failure } from "../parts/error.tsx";
import { Page } from "../parts/page.tsx";
import { Text } from "../parts/text.tsx";
import { Age, Ago, Clock } from "../parts/time.tsx";

/** What the features mean; those that are not known here are shown by their names. */
const features: Record<string, string> = {
  reflection: "describes its API to any client",
  private_receivers: "sends to some private networks",
  insecure_receivers: "webhooks may accept any certificate",
  anonymous: "callers need no key",
};

export function Server(): JSX.Element {
  const call = useCall("server", (signal) => api.server.getServerInfo({}, { signal }), 10_000);
  const { server, caller } = call.data ?? {};
  return (
    <Page
      call={call}
      title="Server"
      commands={{ method: "ServerService/GetServerInfo", request: {}, unscoped: true, words: ["status"] }}
    >
      <Failure error={call.error} retry={call.reload} />
      {server === undefined ? null : (
        <div class="columns">
          <div class="stack">
            <Facts server={server} />
            {caller === undefined ? null : <Caller caller={caller} />}
            <Namespaces />
          </div>
          <Limits limits={server.limits} />
        </div>
      )}
    </Page>
  );
}

function Facts({ server }: { server: ServerInfo }): JSX.Element {
  const skew = Math.abs((ms(server.currentTime) ?? 0) - Date.now());
  const retention = ms(server.retention);
  return (
    <section class="panel server" aria-label="This server">
      <header>
        <h2>This server</h2>
      </header>
      <dl>
        <div>
          <dt>Version</dt>
          <dd>
            <Text value={server.version} />
          </dd>
        </div>
        <div>
          <dt>Up for</dt>
          <dd>
            <Age at={server.startTime} />
          </dd>
        </div>
        <div>
          <dt>Store</dt>
          <dd>
            <Text value={server.storeEngine} />
          </dd>
        </div>
        <div>
          <dt>Keeps what is finished for</dt>
          <dd>{retention === undefined ? "–" : ageText(retention)}</dd>
        </div>
        <div>
          <dt>Its clock</dt>
          <dd>
            <Clock at={server.currentTime} />
            {skew > 5000 ? <span class="warn"> {ageText(skew)} from this computer's</span> : null}
          </dd>
        </div>
        {server.features.map((name) => (
          <div>
            <dt>
              <Text value={name.replaceAll("_", " ")} />
            </dt>
            <dd>{features[name] ?? "on"}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Caller({ caller }: { caller: CallerInfo }): JSX.Element {
  return (
    <section class="panel server" aria-label="You">
      <header>
        <h2>You</h2>
      </header>
      <dl>
        <div>
          <dt>Key</dt>
          <dd>{caller.name === "" ? "without a name" : <Text value={caller.name} />}</dd>
        </div>
        {caller.grants.map((grant) => (
          <div>
            <dt>{grant.namespace === "*" ? "every namespace" : <Text value={grant.namespace} />}</dt>
            <dd>
              <Text value={grant.role} />
              {grant.webhookId === "" ? null : " of one webhook"}
              {grant.expireTime === undefined ? null : (
                <>
                  , ends <Ago at={grant.expireTime} />
                </>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Namespaces(): JSX.Element {
  return (
    <section class="panel server" aria-label="Namespaces">
      <header>
        <h2>Namespaces</h2>
      </header>
      <dl>
        {namespaces.value.map((name) => (
          <div>
            <dt>
              <a href={writePath(name, ["webhooks"])}>
                <Text value={name} />
              </a>
            </dt>
            <dd>{name === namespace.value ? "shown now" : ""}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Limits({ limits }: { limits: ServerLimit[] }): JSX.Element {
  return (
    <section class="panel server limits" aria-label="Limits">
      <header>
        <h2>Limits</h2>
      </header>
      <dl>
        {limits.map((limit) => (
          <div>
            <dt>
              <Text value={limit.description === "" ? limit.name : limit.description} />
            </dt>
            <dd>
              {valueText(limit)}
              {limit.flag === "" ? null : <code class="faint"> --{limit.flag}</code>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function valueText({ value, unit }: ServerLimit): string {
  switch (unit) {
    case "bytes":
      return bytesText(Number(value));
    case "milliseconds":
      return durationText(Number(value));
    case "seconds":
      return ageText(Number(value) * 1000);
    default:
      return countText(value);
  }
}

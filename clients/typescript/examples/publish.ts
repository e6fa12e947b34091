// A service that tells what happens to its sites:
// `node dist/examples/publish.js [TARGET] [RECEIVER_URL] [SECRET] [REVISION]`.

import { fileURLToPath } from "node:url";
import { Client, ConflictError, SignatureScheme } from "tenterhook";

export interface Site {
  id: number;
  name: string;
  revision: number;
}

/** What the service is about; it has one client for its whole life. */
export class Sites {
  constructor(readonly client: Client) {}

  async save(site: Site): Promise<void> {
    const result = await this.client.publish({
      // The id names what happened, so that telling it twice makes no second event.
      id: `site-${site.id}-${site.revision}`,
      type: "updated",
      objectType: "dcim.site",
      data: site,
      orderingKey: `site-${site.id}`,
    });
    console.log(result.eventId, result.duplicate ? "known" : "new");
  }
}

/** Makes the webhook, unless an earlier run did. */
export async function subscribe(client: Client, url: string, secret: string): Promise<void> {
  const webhook = {
    displayName: "sites",
    request: { url },
    rules: [{ objectTypes: ["dcim.site"] }],
    signing: { schemes: [SignatureScheme.STANDARD_WEBHOOKS] },
  };
  try {
    await client.createWebhook(webhook, secret);
  } catch (error) {
    if (!(error instanceof ConflictError)) {
      throw error;
    }
    console.error("the webhook is there:", error.message);
  }
}

async function main([
  target = "localhost:50051",
  url = "http://127.0.0.1:9000/hook",
  secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  revision = "1",
]: string[]): Promise<void> {
  const client = new Client(target);
  try {
    await subscribe(client, url, secret);
    const sites = new Sites(client);
    for (const [id, name] of ["Zürich", "Genève", "Lugano"].entries()) {
      await sites.save({ id, name, revision: Number(revision) });
    }
  } finally {
    client.close();
  }
}

// Its test only imports it.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2));
}

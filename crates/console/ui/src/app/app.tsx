// The whole: sign-in, or the shell around the page that the path names.

import type { JSX } from "preact";
import { session } from "../api/client.ts";
import { Access } from "../pages/access.tsx";
import { Delivery } from "../pages/delivery.tsx";
import { Deliveries } from "../pages/deliveries.tsx";
import { EventPage } from "../pages/event.tsx";
import { Events } from "../pages/events.tsx";
import { NewWebhook } from "../pages/new-webhook.tsx";
import { Nowhere } from "../pages/nowhere.tsx";
import { Overview } from "../pages/overview.tsx";
import { Server } from "../pages/server.tsx";
import { SignIn } from "../pages/sign-in.tsx";
import { WebhookPage } from "../pages/webhook.tsx";
import { Webhooks } from "../pages/webhooks.tsx";
import { Help } from "./help.tsx";
import { namespace, route } from "./place.ts";
import { Notices, Shell } from "./shell.tsx";

export function App(): JSX.Element {
  if (session.value === "closed") {
    return <SignIn />;
  }
  return (
    <>
      <Shell>{session.value === "open" ? <Page key={namespace.value} /> : <p class="waiting">Connecting…</p>}</Shell>
      <Notices />
      <Help />
    </>
  );
}

function Page(): JSX.Element {
  const { page, id, tab } = route.value;
  switch (page) {
    case "overview":
      return <Overview />;
    case "webhooks":
      return <Webhooks />;
    case "new-webhook":
      return <NewWebhook />;
    case "webhook":
      return <WebhookPage key={id} id={id} tab={tab} />;
    case "deliveries":
      return <Deliveries />;
    case "delivery":
      return <Delivery key={id} id={id} />;
    case "events":
      return <Events />;
    case "event":
      return <EventPage key={id} id={id} />;
    case "access":
      return <Access />;
    case "server":
      return <Server />;
    case "nowhere":
      return <Nowhere />;
  }
}

// Starts the console.

import { render } from "preact";
import { session } from "./api/client.ts";
import { openSession } from "./api/server.ts";
import { signIn, takeTokenFromLink } from "./api/session.ts";
import { App } from "./app/app.tsx";
import { startClock } from "./app/clock.ts";
import { listenToKeys } from "./app/keys.ts";
import { followLinks } from "./app/place.ts";
import { applyTheme } from "./app/theme.ts";
import "./styles/index.css";

applyTheme();
startClock();
followLinks();
listenToKeys();

const token = takeTokenFromLink();
if (token === undefined) {
  void openSession();
} else {
  session.value = "unknown";
  void signIn(token);
}

const root = document.getElementById("app");
if (root !== null) {
  render(<App />, root);
}

// As the README has it.
import { webhook } from "tenterhook/receive";

export const POST = webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", (event) => {
  globalThis.handled.push(event.id);
});

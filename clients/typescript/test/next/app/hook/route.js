// A route as an application has it, but for what it handles, which the tests choose.
import { webhook } from "tenterhook/receive";

export function POST(request) {
  const receiver = globalThis.receiver;
  receiver.hook ??= webhook(receiver.secrets, receiver.handler, receiver.options);
  return receiver.hook(request);
}

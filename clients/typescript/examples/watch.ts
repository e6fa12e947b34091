// Follows what becomes of every delivery, and goes on where it stopped when it is started again:
// `node dist/examples/watch.js [TARGET] [TOKEN_FILE]`.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Client, DeliveryState, WatchPosition } from "tenterhook";

const [target = "localhost:50051", place = "deliveries.token"] = process.argv.slice(2);
const client = new Client(target);
const start = existsSync(place)
  ? ({ case: "resumeToken", value: readFileSync(place, "utf8") } as const)
  : ({ case: "position", value: WatchPosition.EARLIEST } as const);
// The watch ends only with what would come again, such as a token that is no longer kept: what was
// missed is then in the list of deliveries.
for await (const { change, token } of client.watch({ start })) {
  const { eventId, state } = change.delivery!;
  console.log(eventId, DeliveryState[state]);
  // Only now: what was not acted on comes again after a crash.
  store(token);
}

/** All of it or nothing, also over a crash of the machine. */
function store(token: string): void {
  const file = openSync(`${place}.new`, "w");
  writeFileSync(file, token);
  fsyncSync(file); // it is on the disk before it takes the place of the one before
  closeSync(file);
  renameSync(`${place}.new`, place);
}

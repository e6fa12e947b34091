// Follows what becomes of every delivery, and goes on where it stopped when it is started again:
// `node dist/examples/watch.js [TARGET] [TOKEN_FILE]`.

import { Client, DeliveryState, FileCheckpoint, WatchPosition } from "tenterhook";

const [target = "localhost:50051", place = "deliveries.token"] = process.argv.slice(2);
const client = new Client(target);
const earliest = { start: { case: "position", value: WatchPosition.EARLIEST } } as const;
// The watch ends only with what would come again, such as a token that is no longer kept: what was
// missed is then in the list of deliveries.
for await (const { change } of client.watch(earliest, { checkpoint: new FileCheckpoint(place) })) {
  const { eventId, state } = change.delivery!;
  // What this does not finish comes again after a crash.
  console.log(eventId, DeliveryState[state]);
}

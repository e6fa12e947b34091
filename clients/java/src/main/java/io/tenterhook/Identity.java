package io.tenterhook;

import io.tenterhook.v1.BatchPublishEventsRequest;
import io.tenterhook.v1.CreateWebhookRequest;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.PublishEventRequest;
import io.tenterhook.v1.ReplayEventsRequest;
import io.tenterhook.v1.RotateSigningKeyRequest;
import java.util.UUID;

/** Gives events and requests an id if they have none, so that the server recognises a repeat. */
final class Identity {
  private Identity() {}

  static Event event(Event event) {
    return event.getId().isEmpty() ? event.toBuilder().setId(fresh()).build() : event;
  }

  @SuppressWarnings("unchecked") // each branch gives back the type that it was given
  static <T> T request(T message) {
    Object made = message;
    if (message instanceof PublishEventRequest publish && publish.hasEvent()) {
      made = publish.toBuilder().setEvent(event(publish.getEvent())).build();
    } else if (message instanceof BatchPublishEventsRequest batch) {
      var events = batch.getEventsList().stream().map(Identity::event).toList();
      made = batch.toBuilder().clearEvents().addAllEvents(events).build();
    } else if (message instanceof CreateWebhookRequest create && create.getRequestId().isEmpty()) {
      made = create.toBuilder().setRequestId(fresh()).build();
    } else if (message instanceof RotateSigningKeyRequest rotate && rotate.getRequestId().isEmpty()) {
      made = rotate.toBuilder().setRequestId(fresh()).build();
    } else if (message instanceof ReplayEventsRequest replay && replay.getRequestId().isEmpty()) {
      made = replay.toBuilder().setRequestId(fresh()).build();
    }
    return (T) made;
  }

  private static String fresh() {
    return UUID.randomUUID().toString();
  }
}

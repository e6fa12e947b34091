/**
 * For tests of your own: a server in memory, a receiver that notes what comes, and a wait for a delivery.
 *
 * <pre>{@code
 * try (var server = TestServer.start(); var receiver = new RecordingReceiver(); var client = server.client()) {
 *   client.createWebhook(Webhook.newBuilder()
 *       .setDisplayName("hook").setRequest(RequestTemplate.newBuilder().setUrl(receiver.url())).build());
 *   var published = client.publish(Event.newBuilder().setType("created").build());
 *   TestServer.waitFor(client, published.getEventId());
 *   var request = receiver.await(1).get(0);
 * }
 * }</pre>
 *
 * <p>The server is the program {@code tenterhook}, found by {@code TENTERHOOK_BIN} or in the PATH.
 */
@NullMarked
package io.tenterhook.testing;

import org.jspecify.annotations.NullMarked;

/**
 * Client of the Tenterhook webhook delivery service: publishes events, manages webhooks, watches
 * deliveries, and verifies what was delivered. Begin with {@link io.tenterhook.Client}.
 */
@NullMarked
package io.tenterhook;

import org.jspecify.annotations.NullMarked;

package io.tenterhook;

import io.tenterhook.v1.DeliveryChange;

/**
 * One change of a delivery.
 *
 * @param change what changed
 * @param token resumes right after this change
 */
public record Change(DeliveryChange change, String token) {}

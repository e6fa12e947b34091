package io.tenterhook;

import io.tenterhook.v1.PublishResult;
import java.util.Optional;

/**
 * What became of one event of a stream.
 *
 * @param sequence the event's position in the stream, from 0
 * @param result set if the event is on the server's disk
 * @param error set if the event was refused
 */
public record Ack(long sequence, Optional<PublishResult> result, Optional<TenterhookException> error) {}

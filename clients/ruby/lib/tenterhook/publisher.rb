# frozen_string_literal: true

require "tenterhook/errors"
require "tenterhook/publication"
require "tenterhook/publisher_queue"

module Tenterhook
  # There are as many events outstanding as the publisher allows.
  class PublisherFull < StandardError; end

  # Gathers events into batches; safe to share between threads. Made by {Client#publisher}.
  class Publisher
    # What a later try may succeed in: the server is away, overloaded, or the answer was lost.
    TRANSIENT = %i[UNAVAILABLE DEADLINE_EXCEEDED RESOURCE_EXHAUSTED UNKNOWN INTERNAL].freeze
    WHEN_FULL = %i[wait raise].freeze
    private_constant :TRANSIENT, :WHEN_FULL

    # A batch is sent when it has `max_events` or `max_bytes`, or when its first event has waited for `linger` seconds;
    # up to `in_flight` batches at once.
    #
    # @param outstanding [Integer] events that may wait for their results; `when_full` one more waits for room
    #   (`:wait`), or is refused with {PublisherFull} (`:raise`)
    # @param timeout [Numeric] seconds for which a batch is tried again
    # @api private
    def initialize(client, linger: 0.005, max_events: 500, max_bytes: 1024 * 1024, in_flight: 4, outstanding: 10_000,
                   when_full: :wait, timeout: 60.0)
      raise ArgumentError, "when_full is :wait or :raise" unless WHEN_FULL.include?(when_full)

      @client = client
      @queue = PublisherQueue.new(linger, max_events, max_bytes)
      @limit = outstanding
      @when_full = when_full
      @timeout = timeout
      @outstanding = 0
      @closed = false
      @mutex = Mutex.new
      @work = ConditionVariable.new
      @room = ConditionVariable.new
      @threads = Array.new(in_flight) { Thread.new { run } }
      @threads.each { |thread| thread.name = "tenterhook-publisher" }
    end

    # Takes an event, as {Client#publish}, and gives its future result at once.
    # @return [Publication]
    def publish(type, **fields)
      pending = Pending.new(@client.event(type: type, **fields), Tenterhook.monotonic)
      @mutex.synchronize do
        wait_for_room
        raise Closed if @closed

        @client.lifetime.check_open
        @outstanding += 1
        @work.signal if @queue.add(pending) || @queue.size == 1
      end
      pending.publication
    end

    # Returns when every event that was taken before has its result.
    def flush
      @mutex.synchronize do
        @queue.hurry = true
        @work.broadcast
        @room.wait(@mutex) while @outstanding.positive?
        @queue.hurry = @closed
      end
    end

    # Takes no more events, and returns when all have their results.
    def close
      @mutex.synchronize do
        @closed = true
        @room.broadcast
      end
      flush
      @mutex.synchronize { @work.broadcast }
      @threads.each(&:join)
    end

    private

    def wait_for_room
      while @outstanding >= @limit && !@closed
        raise PublisherFull, "#{@outstanding} events are outstanding" if @when_full == :raise

        @room.wait(@mutex)
      end
    end

    def run
      while (batch = take)
        begin
          send_batch(batch)
        ensure
          finish(batch)
        end
      end
    end

    # A batch; nil when the publisher is closed and has no more.
    def take
      @mutex.synchronize do
        loop do
          batch, wait = @queue.take(Tenterhook.monotonic)
          return batch if batch
          return if @closed && @queue.empty?

          @work.wait(@mutex, wait)
        end
      end
    end

    def finish(batch)
      @mutex.synchronize do
        @queue.finish(batch)
        @outstanding -= batch.size
        @room.broadcast
        @work.broadcast
      end
    end

    def send_batch(batch)
      until_time = Tenterhook.monotonic + @timeout
      failures = 0
      until batch.empty?
        begin
          settle(batch, @client.publish_batch(batch.map(&:event)))
          return
        rescue Error => error
          wait = next_try(error, failures, until_time)
          failures += 1
          wait ? @client.lifetime.wait(wait) : batch = fail_named(batch, error)
        rescue StandardError => error
          # Whatever else went wrong, nobody waits for ever.
          batch.each { |one| one.publication.fail(error) }
          return
        end
      end
    end

    def settle(batch, results)
      batch.zip(results) { |one, result| one.publication.succeed(result) }
    end

    # The wait before a batch is sent again; nil when it is not.
    def next_try(error, failures, until_time)
      return if error.is_a?(Closed) || !TRANSIENT.include?(error.code) || error.permanent?

      wait = [@client.connection.retry_policy.wait(failures), error.retry_after || 0.0].max
      wait if Tenterhook.monotonic + wait < until_time
    end

    # Fails the events that `error` names; those that remain may be sent again. It fails all when it names none.
    def fail_named(batch, error)
      indexes = error.field_violations.filter_map { |one| one.field[/events\[(\d+)\]/, 1]&.to_i }
      conflict = error.metadata["event_id"]
      named, rest = batch.each_with_index.partition { |one, index| indexes.include?(index) || one.event.id == conflict }
      named, rest = batch.each_with_index.to_a, [] if named.empty?
      named.each { |one, _| one.publication.fail(error) }
      rest.map(&:first)
    end
  end
end

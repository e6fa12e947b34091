# frozen_string_literal: true

require "tenterhook/publication"

module Tenterhook
  # An event that waits for a batch, and its result to come.
  # @api private
  class Pending
    attr_reader :event, :size, :since, :publication

    def initialize(event, since)
      @event = event
      @size = event.class.encode(event).bytesize
      @since = since
      @publication = Publication.new(event.id)
    end
  end

  # Events that wait for a batch. Those of one ordering key are never in two batches at once.
  # @api private
  class PublisherQueue
    # Whether batches go without waiting until they are full.
    attr_writer :hurry

    def initialize(linger, max_events, max_bytes)
      @linger = linger
      @max_events = max_events
      @max_bytes = max_bytes
      @waiting = []
      @bytes = 0
      @busy = {}
      @hurry = false
    end

    def empty? = @waiting.empty?

    def size = @waiting.size

    # Whether a batch is full now.
    def add(pending)
      @waiting << pending
      @bytes += pending.size
      @waiting.size >= @max_events || @bytes >= @max_bytes
    end

    # A batch, or nil and the seconds until there is one; nil seconds when nothing can be sent.
    def take(now)
      batch, skipped, rest = split
      return [nil, nil] if batch.empty?

      full = batch.size >= @max_events || size_of(batch) >= @max_bytes || !rest.empty?
      left = batch.first.since + @linger - now
      return [nil, left] if !full && !@hurry && left.positive?

      # What was skipped has other keys than the batch: only within a key does the order matter.
      @waiting = skipped.concat(rest)
      @bytes -= size_of(batch)
      batch.each { |one| @busy[one.event.ordering_key] = true unless one.event.ordering_key.empty? }
      [batch, nil]
    end

    # Frees the keys of a batch that has its results.
    def finish(batch)
      batch.each { |one| @busy.delete(one.event.ordering_key) }
    end

    private

    # The events of the next batch, those before its end whose key is busy, and those after it.
    def split
      batch, skipped, bytes, index = [], [], 0, 0
      while index < @waiting.size && batch.size < @max_events
        one = @waiting[index]
        if @busy.key?(one.event.ordering_key)
          skipped << one
        else
          break if !batch.empty? && bytes + one.size > @max_bytes

          batch << one
          bytes += one.size
        end
        index += 1
      end
      [batch, skipped, @waiting.drop(index)]
    end

    def size_of(batch) = batch.sum(&:size)
  end
end

# frozen_string_literal: true

require "tenterhook/errors"
require "tenterhook/reading"
require "tenterhook/session"
require "tenterhook/watch_state"

module Tenterhook
  # Changes of deliveries, without end. {#close} ends it, from any thread. Made by {Client#watch}.
  class Watch
    include Enumerable

    # What a watch has open: its stream, and a connection of its own after one that went silent.
    Held = Struct.new(:reading, :session)
    private_constant :Held

    # @api private
    def initialize(client, request, on_connectivity, checkpoint)
      @client = client
      @state = WatchState.new(request, on_connectivity, checkpoint)
      @mutex = Mutex.new
      @changed = ConditionVariable.new
      @held = Held.new
      @closed = @closed_by_client = @silenced = false
      ObjectSpace.define_finalizer(self, Watch.release(@held))
    end

    # Ends what a watch has open that was dropped without being closed.
    # @api private
    def self.release(held)
      proc do
        held.reading&.abandon
        held.session&.close
      end
    end

    # @return [String] resumes after the last change that was handed out, or after a later bookmark
    def resume_token = @state.request.resume_token

    # Yields each change with its token until the watch is closed.
    # @yieldparam item [WatchItem]
    def each
      return enum_for(:each) unless block_given?

      while (item = take(nil))
        yield item
      end
      self
    end

    # The next change. `Timeout.timeout` around it gives up the wait, not the watch.
    # @return [WatchItem]
    # @raise [StopIteration] when the watch was closed
    def next
      take(nil) || raise(StopIteration, "the watch is closed")
    end

    # The next change; nil if none came within `seconds`, or the watch was closed.
    # @return [WatchItem, nil]
    def poll(seconds)
      take(Tenterhook.monotonic + seconds)
    end

    # Ends the watch; a wait for its next change in another thread ends too.
    def close = finish(by_client: false)

    # @api private
    def finish(by_client:)
      @mutex.synchronize do
        @closed_by_client = by_client unless @closed
        @closed = true
        @changed.broadcast
      end
      drop
      @held.session&.close
    end

    private

    def take(deadline)
      until @closed
        @state.save
        begin
          message = next_message(deadline)
          break if message.nil? && !@closed

          item = message && @state.take(message)
          return item if item
        rescue Error => error
          failed(error)
        end
      end
      raise_closed
      nil
    end

    def failed(error)
      return if @closed

      drop
      if @state.over?(error)
        close
        raise error
      end
      @state.failed(@client.connection.retry_policy, Tenterhook.monotonic, error)
    end

    # That the client was closed is raised once; then the watch is at its end.
    def raise_closed
      return unless @closed_by_client

      @closed_by_client = false
      raise Closed
    end

    # The next message; nil at the deadline, or when the watch was closed.
    def next_message(deadline)
      return unless @held.reading || pause(deadline)

      reading = @held.reading ||= open
      # Who closed the watch meanwhile did not see this stream.
      return drop if @closed

      reading.ask
      asked_at = reading.asked_at
      dead_at = asked_at && (asked_at + @state.silence)
      message = reading.take([deadline, dead_at].compact.min)
      return message if message || @closed
      return if dead_at.nil? || Tenterhook.monotonic < dead_at

      @silenced = true
      raise Unavailable.new(:UNAVAILABLE, "nothing came for #{@state.silence.round(1)} s")
    end

    def open
      @client.lifetime.check_open
      if @silenced
        # The connection is dead and does not know it: only another one helps.
        @silenced = false
        @held.session&.close
        @held.session = Session.new(@client.connection)
      end
      session = @held.session || @client.session
      metadata = @client.connection.metadata
      Reading.new(session.watch(V1::DeliveryCalls::WATCH_DELIVERIES, @state.request.dup, metadata))
    end

    # Waits until it may connect; false when the deadline or the end comes first.
    def pause(deadline)
      @mutex.synchronize do
        loop do
          now = Tenterhook.monotonic
          return false if @closed || (deadline && now >= deadline && now < @state.not_before)
          return true if now >= @state.not_before

          @changed.wait(@mutex, [deadline, @state.not_before].compact.min - now)
        end
      end
    end

    def drop
      reading, @held.reading = @held.reading, nil
      reading&.leave
      nil
    end
  end
end

# frozen_string_literal: true

require "grpc"

require "tenterhook/status"

module Tenterhook
  # One stream of the server, read in a thread of its own, so that a wait for the next message can be given up. A
  # message is read only when the program asks for one: what it has not asked for stays with the server.
  # @api private
  class Reading
    # @return [Float, nil] when the program asked for the message that has not come yet, on the monotonic clock
    attr_reader :asked_at

    def initialize(operation)
      @operation = operation
      @mutex = Mutex.new
      @changed = ConditionVariable.new
      @asked_at = nil
      @message = nil
      @error = nil
      @left = false
      @thread = Thread.new { run }
      @thread.name = "tenterhook-watch"
      @thread.report_on_exception = false
    end

    # Asks for a message, unless one is on its way.
    def ask
      @mutex.synchronize do
        @asked_at ||= Tenterhook.monotonic unless @message
        @changed.broadcast
      end
    end

    # The message that was asked for; nil if it has not come by `deadline`, or the stream was left.
    # @raise [Error] when the stream ended instead
    def take(deadline)
      @mutex.synchronize do
        until @message || @error || @left
          left = deadline && (deadline - Tenterhook.monotonic)
          return if left && left <= 0

          @changed.wait(@mutex, left)
        end
        return if @left
        raise @error unless @message

        message, @message = @message, nil
        message
      end
    end

    # Ends the stream.
    def leave
      @mutex.synchronize do
        @left = true
        @changed.broadcast
      end
      @operation.cancel
    end

    # Ends the stream of a watch that nobody holds any more: a finalizer must not wait for a lock.
    def abandon
      @operation.cancel
      @thread.kill
    end

    private

    def run
      read if wait_until_asked
    rescue GRPC::BadStatus => status
      keep { @error = Status.read(status) }
    rescue StandardError => error
      keep { @error = error }
    end

    def read
      @operation.execute.each do |message|
        keep { @message = message }
        break unless wait_until_asked
      end
      # What was left is asked no more.
      keep { @error = Unavailable.new(:UNAVAILABLE, "the stream ended") }
    end

    def wait_until_asked
      @mutex.synchronize do
        @changed.wait(@mutex) until @asked_at || @left
        !@left
      end
    end

    def keep
      @mutex.synchronize do
        @asked_at = nil
        yield
        @changed.broadcast
      end
    end
  end
end

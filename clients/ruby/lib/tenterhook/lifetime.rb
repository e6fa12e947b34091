# frozen_string_literal: true

require "tenterhook/errors"

module Tenterhook
  # Whether a client is open, and the calls that are in flight on it. Shared by its threads.
  # @api private
  class Lifetime
    def initialize
      @mutex = Mutex.new
      @changed = ConditionVariable.new
      @operations = {}.compare_by_identity
      @closed = false
    end

    def closed? = @closed

    def check_open
      raise Closed if @closed
    end

    # Runs a call, which ends when the client is closed, or when the block is left by an exception.
    def run(operation)
      @mutex.synchronize do
        check_open
        @operations[operation] = true
      end
      completed = false
      result = yield operation
      completed = true
      result
    ensure
      operation.cancel unless completed
      @mutex.synchronize { @operations.delete(operation) }
    end

    # Returns after so many seconds, or when the client is closed.
    def wait(seconds)
      deadline = Tenterhook.monotonic + seconds
      @mutex.synchronize do
        while !@closed && (left = deadline - Tenterhook.monotonic).positive?
          @changed.wait(@mutex, left)
        end
      end
    end

    def close
      operations = @mutex.synchronize do
        @closed = true
        @changed.broadcast
        @operations.keys
      end
      operations.each(&:cancel)
    end
  end
end

# frozen_string_literal: true

module Tenterhook
  # The result to come of one event.
  class Publication
    # @return [String] known at once: under it the event can be published again
    attr_reader :event_id

    # @api private
    def initialize(event_id)
      @event_id = event_id
      @mutex = Mutex.new
      @changed = ConditionVariable.new
      @done = false
    end

    def done? = @done

    # Waits for the result.
    #
    # @param timeout [Numeric, nil] seconds; nil waits as long as it takes
    # @return [V1::PublishResult, nil] nil if it has not come in time
    # @raise [Error] what the event failed with
    def result(timeout: nil)
      wait(timeout)
      raise @error if @error

      @result
    end

    # Waits as {#result}.
    # @return [Error, nil] what the event failed with
    def error(timeout: nil)
      wait(timeout)
      @error
    end

    # @api private
    def succeed(result) = settle { @result = result }

    # @api private
    def fail(error) = settle { @error = error }

    private

    def settle
      @mutex.synchronize do
        yield
        @done = true
        @changed.broadcast
      end
    end

    def wait(timeout)
      return if @done

      deadline = timeout && (Tenterhook.monotonic + timeout)
      @mutex.synchronize do
        until @done
          left = deadline && (deadline - Tenterhook.monotonic)
          return if left && left <= 0

          @changed.wait(@mutex, left)
        end
      end
    end
  end
end

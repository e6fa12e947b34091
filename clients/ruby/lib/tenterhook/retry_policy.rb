# frozen_string_literal: true

module Tenterhook
  # When a failed call is tried again. Waits are in seconds: `initial`, then `multiplier` times the one before, up to
  # `maximum`, each changed at random by the share `jitter`. A value that is not positive stands for its default, but no
  # `jitter` is none. With `enabled: false` no call is ever tried again; a watch reconnects all the same.
  class RetryPolicy
    INITIAL = 0.1
    MULTIPLIER = 2.0
    MAXIMUM = 5.0
    JITTER = 0.2
    # Doublings after which any wait has reached its maximum.
    DOUBLINGS_MAX = 30

    def initialize(initial: INITIAL, multiplier: MULTIPLIER, maximum: MAXIMUM, jitter: JITTER, enabled: true)
      @initial = initial.positive? ? initial : INITIAL
      @multiplier = multiplier.positive? ? multiplier : MULTIPLIER
      @maximum = maximum.positive? ? maximum : MAXIMUM
      @jitter = jitter.clamp(0.0, 1.0)
      @enabled = enabled
    end

    def enabled? = @enabled

    # @return [Float] the wait after so many failures in a row, from 0
    def wait(failures)
      wait = [@initial * (@multiplier**[failures, DOUBLINGS_MAX].min), @maximum].min
      wait * (1 + (@jitter * rand(-1.0..1.0)))
    end
  end
end

# frozen_string_literal: true

module Tenterhook
  # One method of the API; `V1` has one for each.
  # @api private
  class Rpc
    # Seconds for one call, its retries included.
    DEFAULT_TIMEOUT = 10.0
    # Seconds for TestWebhook, which returns when an attempt has ended: after 60 at most.
    TEST_TIMEOUT = 70.0

    attr_reader :path, :request, :encode, :decode

    def initialize(path, request, response, idempotent)
      @path = path
      @request = request
      @encode = request.method(:encode)
      @decode = response.method(:decode)
      @idempotent = idempotent
    end

    # Seconds for a call that names none: those of the client, but as long as an attempt may take where the call waits
    # for one and the client was given no timeout.
    def timeout(of_client)
      @path.end_with?("/TestWebhook") && of_client == DEFAULT_TIMEOUT ? TEST_TIMEOUT : of_client
    end

    # Seconds until the next try; nil when there is to be none.
    #
    # UNAVAILABLE is tried again unless it is permanent; another error that carries RetryInfo is where the method is
    # marked idempotent in the proto. RetryInfo is the least wait.
    def retry_wait(policy, error, failures, remaining)
      return if !policy.enabled? || error.permanent?
      return if error.code != :UNAVAILABLE && !(@idempotent && error.retry_after)

      wait = [policy.wait(failures), error.retry_after || 0.0].max
      wait if wait < remaining
    end
  end
end

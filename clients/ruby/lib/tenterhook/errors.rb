# frozen_string_literal: true

module Tenterhook
  # One wrong field: its path in the request, and what is wrong with it.
  FieldViolation = Struct.new(:field, :description)

  # A call that failed.
  class Error < StandardError
    # @return [Symbol] the gRPC code, such as `:NOT_FOUND`
    attr_reader :code
    # @return [String] what the server said, without code and reason
    attr_reader :detail
    # @return [Symbol, nil] the `ErrorReason` without its prefix, such as `:ETAG_MISMATCH`; nil when the server gave
    #   none
    attr_reader :reason
    # @return [Array<FieldViolation>] every wrong field
    attr_reader :field_violations
    # @return [Float, nil] seconds after which the call may succeed
    attr_reader :retry_after
    # @return [Hash{String => String}] what belongs to the reason
    attr_reader :metadata

    def initialize(code, detail, reason: nil, field_violations: [], retry_after: nil, metadata: {}, permanent: false)
      super("#{[code, reason].compact.join(" ")}: #{detail}")
      @code = code
      @detail = detail
      @reason = reason
      @field_violations = field_violations
      @retry_after = retry_after
      @metadata = metadata
      @permanent = permanent
    end

    # Whether trying again cannot help, because the client is set up wrongly: the server's certificate is not trusted,
    # it does not speak TLS, or there is no such host.
    def permanent? = @permanent
  end

  # There is no such webhook, event, delivery or token.
  class NotFound < Error; end

  # The thing exists already, was changed by somebody else, or its state forbids the call.
  class Conflict < Error; end

  # The request is wrong; `field_violations` says where.
  class Invalid < Error; end

  # The server cannot be reached, or is stopping. The call may be repeated.
  class Unavailable < Error; end

  # The client was closed before the call, or while it was in flight.
  class Closed < Error
    def initialize
      super(:CANCELLED, "the client is closed")
    end
  end
end

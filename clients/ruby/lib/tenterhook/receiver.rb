# frozen_string_literal: true

require "json"
require "time"

require "tenterhook"
require "tenterhook/webhooks"

module Tenterhook
  # An event as it was delivered by a webhook without a body template.
  #
  # `id` is the event's, and the same at each delivery of it; empty for the schemes that send none. `model` is the last
  # part of the object type, such as `site`. `prechange` is nil when the object was created, `postchange` when it was
  # deleted. `raw` is the body as it arrived. What the event has not is nil.
  WebhookEvent = Struct.new(:id, :type, :time, :model, :username, :request_id, :data, :prechange, :postchange, :raw) do
    # @api private
    def self.read(id, body)
      # JSON is UTF-8, whatever a web server calls the bytes.
      fields = JSON.parse(body.dup.force_encoding(Encoding::UTF_8))
      snapshots = fields["snapshots"] || {}
      new(id, fields.fetch("event"), Time.iso8601(fields.fetch("timestamp")), fields["model"], fields["username"],
          fields["request_id"], fields["data"], snapshots["prechange"], snapshots["postchange"], body).freeze
    rescue JSON::ParserError, EncodingError, KeyError, TypeError, NoMethodError, ArgumentError
      raise Misconfigured,
            "the body is signed but is no event: the webhook has a body template; use verify and read the body"
    end
  end

  # The ids of the last `limit` events, in memory. Several processes need a store that they share: anything with these
  # two methods.
  class RecentIds
    def initialize(limit: 10_000)
      @limit = limit
      @ids = {}
      @mutex = Mutex.new
    end

    # Whether the event with this id was handled.
    def include?(id) = @mutex.synchronize { @ids.key?(id) }

    # Notes that it was.
    def add(id)
      @mutex.synchronize do
        @ids[id] = true
        @ids.shift while @ids.size > @limit
      end
    end
  end

  # A request that is not handled: `status` is the response's, 204 for an event that was handled before.
  class Refused < StandardError
    attr_reader :status

    def initialize(status, why)
      super(why)
      @status = status
    end
  end

  # Decides over requests, whatever the web framework; {Rack} puts it into those of Ruby.
  class Receiver
    # The largest body that the server sends.
    BODY_MAX_BYTES = 1024 * 1024

    # @return [Integer] bytes that a body may have
    attr_reader :max_bytes

    # @param secrets [String, Array<String>] all that are live while keys are rotated
    # @param seen [#include?, #add] remembers the ids of the events that were handled
    def initialize(secrets, scheme: :STANDARD_WEBHOOKS, tolerance: Webhooks::TOLERANCE, max_bytes: BODY_MAX_BYTES,
                   seen: RecentIds.new)
      @secrets = secrets
      @scheme = scheme
      @tolerance = tolerance
      @max_bytes = max_bytes
      @seen = seen
    end

    # The event of a request. Call {#done} when it was handled.
    #
    # A wrong secret of the receiver is logged, and refused with 500, so that the server tries again.
    # @return [WebhookEvent]
    # @raise [Refused] if there is none to handle
    def accept(headers, body)
      raise Refused.new(413, "the body is over #{@max_bytes} bytes") if body.bytesize > @max_bytes

      event = Webhooks.parse(headers, body, @secrets, scheme: @scheme, tolerance: @tolerance)
      raise Refused.new(204, "was handled before") if !event.id.empty? && @seen.include?(event.id)

      event
    rescue InvalidSignature => error
      Tenterhook.logger.warn("refused a request: #{error.message}")
      raise Refused.new(401, error.message)
    rescue Misconfigured => error
      Tenterhook.logger.error("cannot receive: #{error.message}")
      raise Refused.new(500, "the receiver is misconfigured; its log says how")
    end

    # Notes that the event was handled. One that failed is not noted: it comes again.
    def done(event)
      @seen.add(event.id) unless event.id.empty?
    end

    # Secrets stay out of logs and consoles.
    def inspect = "#<Tenterhook::Receiver #{@scheme}>"
  end
end

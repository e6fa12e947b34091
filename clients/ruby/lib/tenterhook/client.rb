# frozen_string_literal: true

require "tenterhook"
require "tenterhook/connection"
require "tenterhook/environment"
require "tenterhook/event_source"
require "tenterhook/lifetime"
require "tenterhook/session"
require "tenterhook/status"
require "tenterhook/v1/calls"

module Tenterhook
  # A client of one Tenterhook server; safe to share between threads.
  #
  # Every method of the API is at {#webhooks}, {#events}, {#deliveries}, {#server} and {#access}, with the fields of its
  # request as keywords. The methods here are the comfortable way to the common ones.
  class Client
    # Seconds for the one try of a ping.
    PING_TIMEOUT = 5.0
    DELIVERY_FILTERS = V1::DeliveryFilter.descriptor.map { |field| field.name.to_sym }.freeze
    EVENT_FILTERS = V1::EventFilter.descriptor.map { |field| field.name.to_sym }.freeze

    # @return [V1::WebhookCalls]
    attr_reader :webhooks
    # @return [V1::EventCalls]
    attr_reader :events
    # @return [V1::DeliveryCalls]
    attr_reader :deliveries
    # @return [V1::ServerCalls]
    attr_reader :server
    # @return [V1::AccessCalls]
    attr_reader :access

    # @param target [String] `host:port`, or a URL such as `https://hooks.example.com`. TLS is used unless the host is
    #   this machine or the target begins with `http://`
    # @option settings [String, #call] :api_key a key, or what gives it for each call, such as {ApiKeyFile}
    # @option settings [String] :namespace where a call names none
    # @option settings [Numeric] :timeout seconds for one call, its retries included; 10 by default
    # @option settings [RetryPolicy] :retry_policy
    # @option settings [String] :ca PEM of authorities to trust instead of the system's
    # @option settings [String] :client_cert PEM of the client's certificate (mTLS)
    # @option settings [String] :client_key PEM of its key
    # @option settings [#call] :headers gives further metadata for each call, such as a trace context
    # @option settings [Array<GRPC::ClientInterceptor>] :interceptors for each try of every call, stream and watch
    # @option settings [Hash] :channel_args arguments of gRPC's channel
    def initialize(target, **settings)
      @connection = Connection.new(target, **settings)
      @lifetime = Lifetime.new
      @session = Session.new(@connection)
      @watches = ObjectSpace::WeakMap.new
      @webhooks = V1::WebhookCalls.new(self)
      @events = V1::EventCalls.new(self)
      @deliveries = V1::DeliveryCalls.new(self)
      @server = V1::ServerCalls.new(self)
      @access = V1::AccessCalls.new(self)
    end

    # A client, which is closed after the block if there is one.
    def self.open(target, **settings)
      client = new(target, **settings)
      return client unless block_given?

      begin
        yield client
      ensure
        client.close
      end
    end

    # A client with the settings of the environment; `settings` win over them.
    #
    # Reads TENTERHOOK_ADDRESS, TENTERHOOK_API_KEY or TENTERHOOK_API_KEY_FILE, TENTERHOOK_NAMESPACE, and the files of
    # TENTERHOOK_CA, TENTERHOOK_CLIENT_CERT and TENTERHOOK_CLIENT_KEY.
    #
    # @raise [ArgumentError] that names every variable at fault
    def self.from_env(**settings)
      target, found = Environment.new(ENV).read
      new(target, **found, **settings)
    end

    # Ends the connection and everything on it: calls, streams and watches raise {Closed}, those in flight and later
    # ones. May be called from any thread, and again.
    def close
      @lifetime.close
      @watches.keys.each { |watch| watch.finish(by_client: true) }
      @session.close
    end

    # Returns when the server can be reached and knows the key; raises what is in the way, without a second try. For the
    # start of a program, and for its health check.
    def ping(timeout: PING_TIMEOUT)
      call(V1::ServerCalls::GET_SERVER_INFO, V1::GetServerInfoRequest.new, timeout: timeout,
           retry_policy: RetryPolicy.new(enabled: false))
      nil
    rescue Error => error
      # A key that may only publish is known all the same.
      raise unless error.code == :PERMISSION_DENIED
    end

    # Publishes one event, of native values. When this returns the event is on the server's disk.
    #
    # @param type [String]
    # @param fields the fields of `Event`; `data` and `snapshots` (`prechange`, `postchange`) are JSON values
    # @return [V1::PublishResult]
    def publish(type, **fields)
      call(V1::EventCalls::PUBLISH_EVENT, V1::PublishEventRequest.new(event: event(type: type, **fields))).result
    end

    # Publishes up to 1,000 events, each a hash of fields, all or none, in order.
    # @return [Array<V1::PublishResult>]
    def publish_batch(events)
      request = V1::BatchPublishEventsRequest.new(events: events.to_a.map { |one| event(one) })
      call(V1::EventCalls::BATCH_PUBLISH_EVENTS, request).results.to_a
    end

    # Publishes events as they come and yields what became of each, in order; an enumerator without a block. `events` is
    # read in a thread of the stream's.
    #
    # When it fails, those without an acknowledgement may be published again under their ids. An exception of `events`
    # is raised after the acknowledgements of what came before it.
    # @yieldparam ack [Ack]
    def publish_stream(events, &block)
      return enum_for(:publish_stream, events) unless block

      source = EventSource.new(events) { |one| event(one) }
      @lifetime.check_open
      operation = @session.publish_stream(V1::EventCalls::STREAM_PUBLISH_EVENTS, source, @connection.metadata)
      @lifetime.run(operation) { source.each_ack(operation, &block) }
      source.raise_failure
    rescue EventSource::Broken => error
      @lifetime.check_open
      raise Status.read(error.cause)
    ensure
      source&.stop
    end

    # A publisher, which gathers events into batches by itself and is many times faster. It is closed after the block if
    # there is one; {Publisher#initialize} has the settings.
    def publisher(**settings)
      publisher = Publisher.new(self, **settings)
      return publisher unless block_given?

      begin
        yield publisher
      ensure
        publisher.close
      end
    end

    # Makes a webhook of its fields.
    # @return [Array(V1::Webhook, String)] the webhook and its signing secret, which is shown only here
    def create_webhook(webhook, signing_secret: nil)
      made = webhook.is_a?(V1::Webhook) ? webhook : scoped(webhook)
      response = @webhooks.create_webhook(webhook: made, signing_secret: signing_secret)
      [response.webhook, response.signing_secret]
    end

    # Every webhook that matches, oldest first.
    # @return [Pages<V1::Webhook>]
    def list_webhooks(**fields)
      Pages.new("webhooks", scoped(fields)) { |page| @webhooks.list_webhooks(**page) }
    end

    # Every event that matches, newest first. Takes the fields of `EventFilter` too.
    # @return [Pages<V1::Event>]
    def list_events(**fields)
      Pages.new("events", filtered(scoped(fields), EVENT_FILTERS)) { |page| @events.list_events(**page) }
    end

    # Every delivery that matches, newest first. Takes the fields of `DeliveryFilter` too. Its `resume_token` starts a
    # watch that misses no later change.
    # @return [Pages<V1::Delivery>]
    def list_deliveries(**fields)
      Pages.new("deliveries", filtered(scoped(fields), DELIVERY_FILTERS)) { |page| @deliveries.list_deliveries(**page) }
    end

    # One delivery with all its attempts.
    # @return [V1::Delivery]
    def get_delivery(delivery_id)
      @deliveries.get_delivery(delivery_id: delivery_id).delivery
    end

    # Every change of every delivery that matches, in order and without end.
    #
    # Takes the fields of `WatchDeliveriesRequest`, and of `DeliveryFilter` but its times. Begin with `resume_token`,
    # `start_time` or `position`; the default is now. A `checkpoint`, such as a {FileCheckpoint}, keeps how far the
    # program came, and once it has a token the watch begins there. Broken and silent connections are made again, and
    # `on_connectivity` is called with a {Connectivity} each time. The watch raises when its start is no longer kept,
    # and when a first connection can never be made: see {Error#permanent?}. With a block it is closed afterwards.
    # @return [Watch]
    def watch(on_connectivity: nil, checkpoint: nil, **fields)
      @lifetime.check_open
      inside = filtered(scoped(fields), DELIVERY_FILTERS - %i[start_time end_time])
      watch = Watch.new(self, Messages.build(V1::WatchDeliveriesRequest, inside), on_connectivity, checkpoint)
      @watches[watch] = watch
      return watch unless block_given?

      begin
        yield watch
      ensure
        watch.close
      end
    end

    # Calls a method of the API, and again as the policy says.
    # @api private
    def call(rpc, request, timeout: nil, retry_policy: @connection.retry_policy)
      deadline = Tenterhook.monotonic + (timeout || rpc.timeout(@connection.timeout))
      failures = 0
      loop do
        error = try(rpc, request, deadline) { |response| return response }
        wait = rpc.retry_wait(retry_policy, error, failures, deadline - Tenterhook.monotonic)
        raise error if wait.nil?

        failures += 1
        Tenterhook.logger.debug { "#{rpc.path} failed #{failures} times, tries again in #{wait.round(2)} s: #{error}" }
        @lifetime.wait(wait)
      end
    end

    # An event of native values, in the client's namespace.
    # @api private
    def event(value)
      return Messages.event(value) if value.is_a?(V1::Event)
      raise TypeError, "an event is a Hash of its fields or a V1::Event, not a #{value.class}" unless value.is_a?(Hash)

      Messages.event(@connection.namespace.empty? ? value : scoped(value))
    end

    # What watches and publishers need of the client.
    # @api private
    attr_reader :connection, :lifetime, :session

    # Secrets stay out of logs and consoles.
    def inspect = "#<Tenterhook::Client #{@connection.inspect}>"

    private

    # Yields the response of one try; returns its error.
    def try(rpc, request, deadline)
      @lifetime.check_open
      remaining = deadline - Tenterhook.monotonic
      operation = @session.unary(rpc, request, Time.now + remaining, @connection.metadata)
      yield @lifetime.run(operation, &:execute)
    rescue GRPC::BadStatus => status
      @lifetime.check_open
      Status.read(status)
    rescue GRPC::Core::CallError => error
      @lifetime.check_open
      Unavailable.new(:UNAVAILABLE, "the call could not be made: #{error.message}")
    end

    def scoped(fields) = {namespace: @connection.namespace, **fields.transform_keys(&:to_sym)}

    # Moves the fields of a filter, given next to the others, into `filter`.
    def filtered(fields, names)
      inside, outside = fields.partition { |name, _| names.include?(name) }.map(&:to_h)
      inside.empty? ? outside : {**outside, filter: inside}
    end
  end
end

# frozen_string_literal: true

require "grpc"
require "ipaddr"

require "tenterhook/retry_policy"
require "tenterhook/rpc"

module Tenterhook
  # How a client reaches its server: target, TLS, key, headers. {Client#initialize} says what each setting is.
  # @api private
  class Connection
    CHANNEL_ARGS = {
      # A page of full deliveries may be larger than gRPC's default of 4 MiB.
      "grpc.max_receive_message_length" => 64 * 1024 * 1024,
      # gRPC waits up to 120 s between connections unless told otherwise. The least is also the time that one attempt
      # may take.
      "grpc.initial_reconnect_backoff_ms" => 100,
      "grpc.min_reconnect_backoff_ms" => 10_000,
      "grpc.max_reconnect_backoff_ms" => 5_000,
      # A connection that a firewall forgot is noticed while calls wait on it.
      "grpc.keepalive_time_ms" => 30_000,
      "grpc.keepalive_timeout_ms" => 10_000,
      # Makes a channel a connection of its own, instead of sharing one to the same address.
      "grpc.use_local_subchannel_pool" => 1
    }.freeze
    DEFAULT_PORTS = {"http" => "80", "https" => "443"}.freeze

    attr_reader :namespace, :timeout, :retry_policy, :interceptors

    def initialize(target, api_key: nil, namespace: "", timeout: Rpc::DEFAULT_TIMEOUT, retry_policy: RetryPolicy.new,
                   ca: nil, client_cert: nil, client_key: nil, headers: nil, channel_args: {}, interceptors: [])
      @scheme, @host, @address = parse(target)
      @api_key = api_key
      @namespace = namespace
      @timeout = timeout
      @retry_policy = retry_policy
      @pem = [ca, client_key, client_cert]
      @headers = headers
      # gRPC would ask the proxy of `http_proxy` for a server on this machine too.
      @channel_args = CHANNEL_ARGS.merge(local? ? {"grpc.enable_http_proxy" => 0} : {}, channel_args)
      @interceptors = interceptors
      check
    end

    # Makes a channel with a connection of its own.
    def open = GRPC::ClientStub.setup_channel(nil, @address, credentials, @channel_args.dup)

    # The metadata of one call.
    def metadata
      key = @api_key.respond_to?(:call) ? @api_key.call : @api_key
      # A key that was read from a file or a variable often ends a line.
      key = key.to_s.strip
      pairs = key.empty? ? {} : {"authorization" => "Bearer #{key}"}
      @headers&.call&.each { |name, value| pairs[name.to_s.downcase] = value }
      pairs
    end

    # Secrets stay out of logs and consoles.
    def inspect = "#<Tenterhook::Connection #{@address}>"

    private

    def check
      ca, key, certificate = @pem
      raise ArgumentError, "client_cert and client_key belong together: give both" if key.nil? != certificate.nil?
      raise ArgumentError, "ca is empty" if ca&.empty?
      raise ArgumentError, "an API key is not sent without TLS to another machine" if @api_key && !secure? && !local?
    end

    def secure?
      @scheme != "http" && (@scheme == "https" || !local? || @pem.any?)
    end

    def credentials
      secure? ? GRPC::Core::ChannelCredentials.new(*@pem) : :this_channel_is_insecure
    end

    def local?
      @host == "localhost" || IPAddr.new(@host).loopback?
    rescue IPAddr::Error
      false
    end

    def parse(target)
      scheme, separator, address = target.to_s.rpartition("://")
      unless separator.empty? || DEFAULT_PORTS.key?(scheme)
        raise ArgumentError, "the target #{target.inspect} has a scheme other than http and https"
      end

      address = address.chomp("/")
      address = "#{address}:#{DEFAULT_PORTS[scheme]}" if !scheme.empty? && !address.match?(/:\d+\z/)
      host, _, port = address.rpartition(":")
      bare = host.include?(":") && !host.start_with?("[")
      if !host.match?(%r{\A[^\s/?#@]+\z}) || bare || !port.match?(/\A\d+\z/)
        raise ArgumentError, "the target #{target.inspect} is not host:port"
      end

      [scheme, host.delete("[]"), address]
    end
  end
end

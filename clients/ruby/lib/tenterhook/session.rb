# frozen_string_literal: true

require "grpc"

require "tenterhook/errors"

module Tenterhook
  # A connection to the server, and the calls that are made on it.
  # @api private
  class Session
    def initialize(connection)
      @channel = connection.open
      @stub = GRPC::ClientStub.new(nil, nil, channel_override: @channel, interceptors: connection.interceptors)
    end

    # Each makes an operation, which `execute` runs and `cancel` ends.

    def unary(rpc, request, deadline, metadata)
      make do
        @stub.request_response(
          rpc.path, request, rpc.encode, rpc.decode, deadline: deadline, return_op: true, metadata: metadata
        )
      end
    end

    def publish_stream(rpc, requests, metadata)
      make { @stub.bidi_streamer(rpc.path, requests, rpc.encode, rpc.decode, return_op: true, metadata: metadata) }
    end

    def watch(rpc, request, metadata)
      make { @stub.server_streamer(rpc.path, request, rpc.encode, rpc.decode, return_op: true, metadata: metadata) }
    end

    def close = @channel.close

    private

    def make
      yield
    rescue RuntimeError
      # What gRPC raises on a channel that was closed.
      raise Closed
    end
  end
end

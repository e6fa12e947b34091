# frozen_string_literal: true

require "grpc"

require "tenterhook/errors"

module Tenterhook
  # A connection to the server, and the calls that are made on it.
  # @api private
  class Session
    # What interceptors add to the metadata of a stream, gRPC does not send; of a unary call it does.
    class Added < GRPC::ClientInterceptor
      def server_streamer(call:, metadata:, **)
        call.instance_variable_get(:@wrapped)&.merge_metadata_to_send(metadata)
        yield
      end

      alias bidi_streamer server_streamer
    end

    def initialize(connection)
      @channel = connection.open
      own = connection.interceptors
      # The first is innermost.
      own = [Added.new, *own] unless own.empty?
      @stub = GRPC::ClientStub.new(nil, nil, channel_override: @channel, interceptors: own)
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

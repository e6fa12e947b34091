# frozen_string_literal: true

require "grpc"

require "tenterhook/results"
require "tenterhook/status"
require "tenterhook/v1/event_service_pb"

module Tenterhook
  # The events of a stream, as gRPC takes them: it reads them in a thread of its own, and would replace an exception of
  # theirs by one of gRPC's.
  # @api private
  class EventSource
    # The stream broke; its cause is gRPC's status. An error that the caller's own block raises is none.
    class Broken < StandardError; end

    def initialize(events, &make)
      @events = events
      @make = make
      @failure = nil
      @thread = nil
    end

    # The requests of the stream; what the events raise ends it.
    def each
      @thread = Thread.current
      sequence = -1
      # Not by index: a lazy enumerator would begin only later.
      @events.each do |event|
        yield V1::StreamPublishEventsRequest.new(sequence: sequence += 1, event: @make.call(event))
      end
    rescue StandardError => error
      @failure = error
    end

    # Yields an {Ack} for each event.
    def each_ack(operation)
      yielding = false
      operation.execute.each do |response|
        ack = read(response)
        yielding = true
        yield ack
        yielding = false
      end
    rescue GRPC::BadStatus
      raise if yielding

      raise Broken
    end

    def raise_failure
      raise @failure if @failure
    end

    # Stops reading events, which may wait for one that never comes.
    def stop = @thread&.kill

    private

    def read(response)
      return Ack.new(response.sequence, response.result, nil) unless response.outcome == :error

      Ack.new(response.sequence, nil, Status.read_refused(response.error))
    end
  end
end

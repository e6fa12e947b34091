# frozen_string_literal: true

# How fast the client publishes, next to the bare generated stubs: see docs/BENCHMARKS.md.
#
# `publish.rb TARGET ROUNDS SLICE_MS` prints a line for each slice: way, who, events, seconds.

require "json"
require "securerandom"

require "tenterhook"
require "tenterhook/client"
require "tenterhook/v1/services"

IN_FLIGHT = 64
COMMENTS = "x" * 1000
V1 = Tenterhook::V1

def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

def value = {id: rand(1_000_000), name: "Zürich", comments: COMMENTS}

# Events as a user of the client makes them.
class OfClient
  def initialize(target) = @client = Tenterhook::Client.new(target)

  def name = "client"

  def fields = {type: "updated", object_type: "dcim.site", data: value}

  def unary = @client.publish("updated", object_type: "dcim.site", data: value)

  def batch = @client.publish_batch(Array.new(IN_FLIGHT) { fields })

  def stream(tokens, &block) = @client.publish_stream(tokens.lazy.map { fields }, &block)
end

# Events as a user of the generated code makes them.
class OfStub
  def initialize(target) = @stub = V1::EventService::Stub.new(target, :this_channel_is_insecure)

  def name = "stub"

  def message
    data = V1::JsonDocument.new(json: JSON.generate(value))
    V1::Event.new(id: SecureRandom.hex, type: "updated", object_type: "dcim.site", data: data)
  end

  def unary = @stub.publish_event(V1::PublishEventRequest.new(event: message))

  def batch = @stub.batch_publish_events(V1::BatchPublishEventsRequest.new(events: Array.new(IN_FLIGHT) { message }))

  def stream(tokens, &block)
    requests = tokens.each_with_index.lazy.map do |_, n|
      V1::StreamPublishEventsRequest.new(sequence: n, event: message)
    end
    @stub.stream_publish_events(requests).each(&block)
  end
end

def unary_slice(publisher, finish)
  threads = Array.new(IN_FLIGHT) do
    Thread.new do
      count = 0
      while now < finish
        publisher.unary
        count += 1
      end
      count
    end
  end
  threads.sum(&:value)
end

def batch_slice(publisher, finish)
  count = 0
  while now < finish
    publisher.batch
    count += IN_FLIGHT
  end
  count
end

def stream_slice(publisher, finish)
  room = SizedQueue.new(IN_FLIGHT)
  tokens = Enumerator.new do |sink|
    while now < finish
      room << nil
      sink << nil
    end
  end
  count = 0
  publisher.stream(tokens) do
    room.pop
    count += 1
  end
  count
end

target, rounds, slice_ms = ARGV
publishers = [OfClient.new(target), OfStub.new(target)]
%i[unary batch stream].each do |way|
  # Each is first as often as the other; the first round only warms up.
  (Integer(rounds) + 1).times do |round|
    (round.odd? ? publishers : publishers.reverse).each do |publisher|
      start = now
      count = send(:"#{way}_slice", publisher, start + (Integer(slice_ms) / 1000.0))
      puts "#{way} #{publisher.name} #{count} #{now - start}" if round.positive?
    end
  end
end

# frozen_string_literal: true

require "helper"
require "tenterhook/v1/services"

# What a scripted answer is to end a call with: a status and details.
class Refuse
  def initialize(code, message = "refused", *details)
    @code = GRPC::Core::StatusCodes.const_get(code)
    @message = message
    @details = details
  end

  def self.info(reason, **metadata)
    Google::Rpc::ErrorInfo.new(domain: "tenterhook", reason: reason, metadata: metadata.transform_keys(&:to_s))
  end

  def self.retry_after(seconds)
    Google::Rpc::RetryInfo.new(retry_delay: Google::Protobuf::Duration.new(seconds: 0, nanos: (seconds * 1e9).to_i))
  end

  def self.fields(**violations)
    made = violations.map do |field, text|
      Google::Rpc::BadRequest::FieldViolation.new(field: field.to_s, description: text)
    end
    Google::Rpc::BadRequest.new(field_violations: made)
  end

  def status
    packed = @details.map { |detail| Google::Protobuf::Any.pack(detail) }
    encoded = Google::Rpc::Status.encode(Google::Rpc::Status.new(code: @code, message: @message, details: packed))
    GRPC::BadStatus.new(@code, @message, {"grpc-status-details-bin" => encoded})
  end
end

# A server in this process that gives each call the next of `answers`: a message, a {Refuse}, a proc of the request and
# the call, or for a watch an array of those. `HOLD` keeps a stream open until the server stops.
class FakeServer
  HOLD = Object.new
  SERVICES = %i[AccessService DeliveryService EventService ServerService WebhookService].freeze

  attr_reader :answers, :requests, :metadata, :methods, :target

  def initialize
    @answers, @requests, @metadata, @methods = Queue.new, Queue.new, Queue.new, Queue.new
    @stopped = Queue.new
    @server = GRPC::RpcServer.new(pool_size: 16, pool_keep_alive: 0.1)
    port = @server.add_http2_port("127.0.0.1:0", :this_port_is_insecure)
    @target = "127.0.0.1:#{port}"
    SERVICES.each { |name| @server.handle(handler(Tenterhook::V1.const_get(name)::Service)) }
    @thread = Thread.new { @server.run }
    @server.wait_till_running
  end

  def stop
    @stopped.close
    @server.stop
    @thread.join
  end

  def script(*answers) = answers.each { |one| @answers << one }

  # The requests so far, which are forgotten.
  def taken(queue = @requests) = Array.new(queue.size) { queue.pop }

  def unary(name, request, call)
    note(name, request, call)
    give(@answers.pop(true), request, call)
  end

  def watch(name, request, call)
    note(name, request, call)
    answers = @answers.pop(true)
    Enumerator.new { |sink| answers.each { |one| emit(sink, give(one, request, call)) } }
  end

  def stream(name, requests, call)
    @methods << name
    @metadata << call.metadata
    Enumerator.new do |sink|
      requests.each do |request|
        @requests << request
        answer = give(@answers.pop(true), request, call)
        answer.sequence = request.sequence
        sink << answer
      end
    end
  end

  private

  def note(name, request, call)
    @methods << name
    @metadata << call.metadata
    @requests << request
  end

  def give(answer, request, call)
    answer = answer.call(request, call) if answer.is_a?(Proc)
    raise answer.status if answer.is_a?(Refuse)

    answer
  end

  def emit(sink, message) = message.equal?(HOLD) ? @stopped.pop : sink << message

  def handler(service)
    fake = self
    Class.new(service) do
      service.rpc_descs.each do |name, description|
        kind = {request_response?: :unary, server_streamer?: :watch, bidi_streamer?: :stream}.find do |question, _|
          description.public_send(question)
        end.last
        define_method(GRPC::GenericService.underscore(name.to_s)) do |input, call|
          fake.public_send(kind, name, input, call)
        end
      end
    end
  end
end

# A test with a scripted server, and clients of it that retry fast.
class FakeTest < Minitest::Test
  V1 = Tenterhook::V1

  def setup
    @server = FakeServer.new
    @clients = []
  end

  def teardown
    @clients.each(&:close)
    @server.stop
  end

  def connect(**settings)
    policy = Tenterhook::RetryPolicy.new(initial: 0.01)
    @clients << Tenterhook::Client.new(@server.target, retry_policy: policy, **settings)
    @clients.last
  end

  def client = @client ||= connect

  def published(id) = V1::PublishEventResponse.new(result: V1::PublishResult.new(event_id: id))

  # Runs the block with a log of its own; its lines.
  def logged(level = Logger::DEBUG)
    before, text = Tenterhook.logger, StringIO.new
    Tenterhook.logger = Logger.new(text, level: level)
    yield
    text.string.lines
  ensure
    Tenterhook.logger = before
  end
end

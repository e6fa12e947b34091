# frozen_string_literal: true

require "json"
require "net/http"
require "securerandom"
require "stringio"

require "helper"
require "action_controller"
require "action_dispatch"
require "rack"
require "rack/lint"
require "rack/mock"
require "sinatra/base"
require "webrick"

# Receivers: in Rack, Sinatra and Rails, with requests that are made here and with real deliveries.
class TestRack < Minitest::Test
  SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  BODY = JSON.generate(
    event: "created", timestamp: "2026-03-06T15:11:23.503186+00:00", model: "site", username: "admin", request_id: nil,
    data: {name: "Zürich"}, snapshots: {prechange: nil, postchange: {id: 1}}
  )
  LARGE = "x" * ((1024 * 1024) + 1)

  # What a receiver does: it notes events, and fails as often as it is asked to.
  class Handled
    attr_reader :events
    attr_accessor :failures

    def initialize
      @events = []
      @failures = 0
    end

    def call(event)
      raise "not an event: #{event.inspect}" unless event.is_a?(Tenterhook::WebhookEvent)

      if @failures.positive?
        @failures -= 1
        raise "not today"
      end
      @events << event
    end
  end

  # Answers 500 for what its application raises, as every web server does.
  Rescuing = Struct.new(:app) do
    def call(env)
      app.call(env)
    rescue StandardError
      [500, {}, []]
    end
  end

  class HooksController < ActionController::Base
    def create
      self.class.handled.call(request.env["tenterhook.event"])
      head :no_content
    end

    class << self
      attr_accessor :handled
    end
  end

  FRAMEWORKS = {
    "an endpoint" => lambda do |handled, secret|
      ::Rack::Lint.new(Tenterhook::Rack::Endpoint.new(secret) { |event| handled.call(event) })
    end,
    "an endpoint in the routes of Rails" => lambda do |handled, secret|
      endpoint = Tenterhook::Rack::Endpoint.new(secret) { |event| handled.call(event) }
      ActionDispatch::Routing::RouteSet.new.tap { |routes| routes.draw { post "/hook", to: endpoint } }
    end,
    "a controller of Rails" => lambda do |handled, secret|
      HooksController.handled = handled
      routes = ActionDispatch::Routing::RouteSet.new
      routes.draw { post "/hook", to: "test_rack/hooks#create" }
      Tenterhook::Rack::Middleware.new(routes, path: "/hook", secrets: secret)
    end,
    "Sinatra" => lambda do |handled, secret|
      Class.new(Sinatra::Base) do
        set :environment, :production
        set :dump_errors, false
        use Tenterhook::Rack::Middleware, path: "/hook", secrets: secret
        post("/hook") do
          raise "the body is gone" if request.body.read.b != env["tenterhook.event"].raw.b

          handled.call(env["tenterhook.event"])
          204
        end
        get("/health") { "well" }
      end
    end
  }.freeze

  def setup
    @log = StringIO.new
    @before = Tenterhook.logger
    Tenterhook.logger = Logger.new(@log)
  end

  def teardown = Tenterhook.logger = @before

  def each_framework(secret = SECRET)
    FRAMEWORKS.each do |name, make|
      handled = Handled.new
      web = ::Rack::MockRequest.new(Rescuing.new(make.call(handled, secret)))
      post = lambda do |body, headers|
        env = headers.transform_keys { |header| "HTTP_#{header.upcase.tr("-", "_")}" }
        web.post("/hook", env.merge(:input => body, "CONTENT_TYPE" => "application/json")).status
      end
      yield handled, post, name
    end
  end

  def signed(body = BODY, **settings) = Tenterhook::Webhooks.sign_for_test(body, SECRET, **settings)

  def test_an_event_reaches_its_handler_once
    each_framework do |handled, post, name|
      headers = signed(id: "e1")
      assert_equal [204, 204], [post.call(BODY, headers), post.call(BODY, headers)], name
      assert_equal 1, handled.events.size, name
      event = handled.events.first
      assert_equal %w[e1 created site admin], [event.id, event.type, event.model, event.username]
      assert_equal [{"name" => "Zürich"}, nil, {"id" => 1}], [event.data, event.prechange, event.postchange]
      assert_equal Time.utc(2026, 3, 6, 15, 11, Rational(23_503_186, 1_000_000)), event.time
      assert_equal BODY.b, event.raw.b
    end
  end

  def test_an_event_whose_handler_fails_comes_again
    each_framework do |handled, post, name|
      handled.failures = 1
      headers = signed(id: "e1")
      assert_equal [500, 204], [post.call(BODY, headers), post.call(BODY, headers)], name
      assert_equal 1, handled.events.size, name
    end
  end

  def test_what_is_not_to_be_trusted_is_refused
    each_framework do |handled, post, name|
      assert_equal 401, post.call(BODY, {}), name
      assert_equal 401, post.call("#{BODY} ", signed), name
      assert_equal 401, post.call(BODY, signed(now: Time.at(1))), name
      assert_equal 413, post.call(LARGE, signed(LARGE)), name
      assert_equal 500, post.call("no event", signed("no event")), name
      assert_empty handled.events, name
    end
  end

  def test_a_wrong_secret_of_the_receiver_is_logged_and_no_401
    each_framework("") do |handled, post, name|
      assert_equal 500, post.call(BODY, signed), name
      assert_empty handled.events, name
    end
    assert_includes @log.string, "a secret is empty"
  end

  def test_what_is_no_webhook_passes_the_middleware
    web = ::Rack::MockRequest.new(FRAMEWORKS["Sinatra"].call(Handled.new, SECRET))
    assert_equal "well", web.get("/health").body
  end

  def test_an_endpoint_takes_only_posts
    response = ::Rack::MockRequest.new(FRAMEWORKS["an endpoint"].call(Handled.new, SECRET)).get("/hook")
    assert_equal [405, "POST"], [response.status, response["allow"]]
  end

  def test_a_body_whose_length_is_a_lie_is_bounded
    receiver = Tenterhook::Receiver.new(SECRET, max_bytes: 10)
    env = {"rack.input" => StringIO.new(BODY)}
    refused = assert_raises(Tenterhook::Refused) { Tenterhook::Rack.accept(receiver, env) }
    assert_equal 413, refused.status
  end

  def test_parse_tells_an_attack_from_a_template
    assert_raises(Tenterhook::InvalidSignature) { Tenterhook::Webhooks.parse({}, BODY, SECRET) }
    ["[]", "5", "{}", "{\"event\": 1, \"timestamp\": 5}", "\xff"].each do |body|
      error = assert_raises(Tenterhook::Misconfigured) { Tenterhook::Webhooks.parse(signed(body), body, SECRET) }
      assert_includes error.message, "body template"
    end
  end

  def test_schemes_without_an_id_give_every_delivery
    headers = signed(scheme: :NETBOX)
    assert_equal "", Tenterhook::Webhooks.parse(headers, BODY, SECRET, scheme: :NETBOX).id
    receiver = Tenterhook::Receiver.new(SECRET, scheme: :NETBOX)
    2.times { receiver.done(receiver.accept(headers, BODY)) }
  end

  def test_recent_ids_forget_the_oldest
    recent = Tenterhook::RecentIds.new(limit: 2)
    %w[a b c].each { |id| recent.add(id) }
    assert_equal([false, true, true], %w[a b c].map { |id| recent.include?(id) })
  end

  def test_secrets_are_not_printed
    refute_includes Tenterhook::Receiver.new(SECRET).inspect, SECRET
  end

  # Over a socket, from the server, whose first attempt the handler fails.
  def test_real_deliveries_arrive
    target = ENV.fetch("TENTERHOOK_TARGET") { flunk "needs the harness: make test-client-ruby" }
    FRAMEWORKS.each do |name, make|
      arrived = Queue.new
      handled = Handled.new
      handled.failures = 1
      app = Rescuing.new(make.call(->(event) { handled.call(event).then { arrived << event } }, SECRET))
      serve(app) { |url| publish(target, url, arrived, name) }
      assert_equal 1, handled.events.size, name
    end
  end

  def publish(target, url, arrived, name)
    Tenterhook::Client.open(target, namespace: "rack-#{SecureRandom.hex(6)}") do |client|
      client.create_webhook(
        {
          display_name: name, request: {url: url}, signing: {schemes: [:SIGNATURE_SCHEME_STANDARD_WEBHOOKS]},
          retry: {exponential: {initial: 1}}
        },
        signing_secret: SECRET
      )
      result = client.publish("created", id: "e1", object_type: "dcim.site", data: {name: "Zürich"})
      assert_equal 1, result.delivery_count
      event = Timeout.timeout(30) { arrived.pop }
      assert_equal ["e1", "created", "site", {"name" => "Zürich"}], [event.id, event.type, event.model, event.data]
    end
  end

  # A web server on a port that the system chooses.
  def serve(app)
    quiet = {Logger: WEBrick::Log.new(File::NULL), AccessLog: []}
    server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: 0, **quiet)
    server.mount("/", ::Rack::Handler::WEBrick, app)
    thread = Thread.new { server.start }
    yield "http://127.0.0.1:#{server.listeners.first.addr[1]}/hook"
  ensure
    server.shutdown
    thread.join
  end
end

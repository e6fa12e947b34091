# frozen_string_literal: true

require "stringio"

require "tenterhook/receiver"

module Tenterhook
  # Receives webhooks in Rack, and so in Rails, Sinatra and whatever else runs on it. Needs no gRPC.
  #
  # {Endpoint} is an application: each event reaches its block once. {Middleware} verifies what is sent to one path, and
  # hands it on to the application behind it. Responses are 204, 401 for a request that must not be trusted, 413 for one
  # that is too large, and 500 when the handler fails, after which the server tries again.
  module Rack
    # Where {Middleware} puts the event.
    EVENT = "tenterhook.event"

    # An application that hands events to a block.
    #
    #     post "/hook", to: Tenterhook::Rack::Endpoint.new(secret) { |event| … }   # config/routes.rb
    class Endpoint
      # @param settings those of {Receiver#initialize}
      # @yieldparam event [WebhookEvent]
      def initialize(secrets, **settings, &handle)
        raise ArgumentError, "give a block, which handles events" if handle.nil?

        @receiver = Receiver.new(secrets, **settings)
        @handle = handle
      end

      def call(env)
        return Rack.response(405, "webhooks are sent by POST", "allow" => "POST") if env["REQUEST_METHOD"] != "POST"

        event = Rack.accept(@receiver, env)
        @handle.call(event)
        @receiver.done(event)
        Rack.response(204)
      rescue Refused => refused
        Rack.response(refused.status, refused.message)
      end
    end

    # A middleware in front of an application, whose `env["tenterhook.event"]` has the event. A response that is no
    # success, or an exception, has not handled it.
    #
    #     use Tenterhook::Rack::Middleware, path: "/hook", secrets: secret
    class Middleware
      # @param path [String] where webhooks are sent to; all else passes
      # @param settings those of {Receiver#initialize}
      def initialize(app, path:, secrets:, **settings)
        @app = app
        @path = path
        @receiver = Receiver.new(secrets, **settings)
      end

      def call(env)
        return @app.call(env) unless env["PATH_INFO"] == @path && env["REQUEST_METHOD"] == "POST"

        event = accept(env)
        return event if event.is_a?(Array)

        # The body was read here, and not every server can give it a second time.
        response = @app.call(env.merge(EVENT => event, "rack.input" => StringIO.new(event.raw)))
        @receiver.done(event) if (200..299).cover?(response.first.to_i)
        response
      end

      private

      # The event, or the response that refuses it.
      def accept(env)
        Rack.accept(@receiver, env)
      rescue Refused => refused
        Rack.response(refused.status, refused.message)
      end
    end

    class << self
      # The event of a request, whose body is read within bounds.
      # @api private
      def accept(receiver, env)
        limit = receiver.max_bytes
        raise Refused.new(413, "the body is over #{limit} bytes") if env["CONTENT_LENGTH"].to_i > limit

        receiver.accept(env, env["rack.input"]&.read(limit + 1) || "")
      end

      # @api private
      def response(status, text = "", headers = {})
        return [status, headers, []] if status == 204

        [status, {"content-type" => "text/plain", **headers}, [text]]
      end
    end
  end
end

# frozen_string_literal: true

require "logger"

require "tenterhook/version"

# Publish events, manage webhooks, watch deliveries, verify what was delivered.
#
# {Client} is the way to a server. {Webhooks}, {Receiver} and {Rack} are for receivers. What is here is loaded when it
# is first used, so that a receiver does not load gRPC. The messages of the API are in `V1`, which comes with the
# client.
module Tenterhook
  autoload :Ack, "tenterhook/results"
  autoload :ApiKeyFile, "tenterhook/environment"
  autoload :Client, "tenterhook/client"
  autoload :Closed, "tenterhook/errors"
  autoload :Conflict, "tenterhook/errors"
  autoload :Connectivity, "tenterhook/results"
  autoload :CustomSignature, "tenterhook/webhooks"
  autoload :Error, "tenterhook/errors"
  autoload :FieldViolation, "tenterhook/errors"
  autoload :FileCheckpoint, "tenterhook/checkpoint"
  autoload :Invalid, "tenterhook/errors"
  autoload :InvalidSignature, "tenterhook/webhooks"
  autoload :Messages, "tenterhook/messages"
  autoload :Misconfigured, "tenterhook/webhooks"
  autoload :NotFound, "tenterhook/errors"
  autoload :Pages, "tenterhook/pages"
  autoload :Publication, "tenterhook/publisher"
  autoload :Publisher, "tenterhook/publisher"
  autoload :PublisherFull, "tenterhook/publisher"
  autoload :Rack, "tenterhook/rack"
  autoload :Receiver, "tenterhook/receiver"
  autoload :RecentIds, "tenterhook/receiver"
  autoload :Refused, "tenterhook/receiver"
  autoload :RetryPolicy, "tenterhook/retry_policy"
  autoload :Unavailable, "tenterhook/errors"
  autoload :Watch, "tenterhook/watch"
  autoload :WatchItem, "tenterhook/results"
  autoload :WebhookEvent, "tenterhook/receiver"
  autoload :Webhooks, "tenterhook/webhooks"

  class << self
    # Where clients and receivers log: warnings on standard error, unless a program sets its own, such as
    # `Rails.logger`.
    attr_writer :logger

    # @return [Logger]
    def logger
      @logger ||= Logger.new($stderr, level: Logger::WARN, progname: "tenterhook")
    end

    # Seconds on a clock that is never set.
    # @api private
    def monotonic = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end

# frozen_string_literal: true

require "google/protobuf/well_known_types"

require "tenterhook/results"

module Tenterhook
  # How far a watch has come: its request, always set to resume after what was handed out, and its connection.
  # @api private
  class WatchState
    # Seconds between two warnings of a watch that cannot connect.
    WARN_INTERVAL = 60.0
    # Seconds of silence before the server sends a bookmark, unless the watch says otherwise.
    DEFAULT_BOOKMARK_INTERVAL = 30.0
    # Bookmark intervals of silence after which a watch takes the connection for dead.
    SILENT_INTERVALS = 3
    ENDING = %i[
      ALREADY_EXISTS DATA_LOSS FAILED_PRECONDITION INVALID_ARGUMENT NOT_FOUND OUT_OF_RANGE PERMISSION_DENIED
      UNAUTHENTICATED UNIMPLEMENTED
    ].freeze

    attr_reader :request
    # @return [Float] seconds without a message after which the connection is dead
    attr_reader :silence
    # @return [Float] when the watch may connect again, on the monotonic clock
    attr_reader :not_before

    def initialize(request, on_connectivity, checkpoint = nil)
      @request = request
      @on_connectivity = on_connectivity
      @checkpoint = checkpoint
      @saved = nil # what the checkpoint has, once it was loaded
      interval = request.bookmark_interval ? request.bookmark_interval.to_f : DEFAULT_BOOKMARK_INTERVAL
      @silence = SILENT_INTERVALS * interval
      @connected = @was_connected = false
      @warned_at = nil
      @failures = 0
      @not_before = 0.0
    end

    # Saves where the watch stands, for the program has handled what it was handed; at first loads that.
    def save
      return if @checkpoint.nil?

      if @saved.nil?
        @saved = @checkpoint.load || ""
        @request.resume_token = @saved unless @saved.empty?
      end
      token = @request.resume_token
      return if token == @saved

      @checkpoint.save(token)
      @saved = token
    end

    # Whether a watch that failed so would fail again. One that was connected goes on whatever becomes of the server's
    # certificate or name: they may be put right there.
    def over?(error)
      ENDING.include?(error.code) || (error.permanent? && !@was_connected)
    end

    # Notes that the connection failed or could not be made.
    def failed(policy, now, error)
      wait = policy.wait(@failures)
      @not_before = now + wait
      @failures += 1
      log_failure(wait, now, error)
      @connected = false
      @on_connectivity&.call(Connectivity.new(false, error, wait))
    end

    # Notes a message that the program asked for; nil for a bookmark.
    # @return [WatchItem, nil]
    def take(message)
      heard
      @failures = 0
      @request.resume_token = message.resume_token
      WatchItem.new(message.change, message.resume_token) if message.payload == :change
    end

    private

    # A connection that is back at once, as after a restart of the server, is worth no warning.
    def log_failure(wait, now, error)
      level = Logger::DEBUG
      if !@connected && (@warned_at.nil? || now - @warned_at >= WARN_INTERVAL)
        level = Logger::WARN
        @warned_at = now
      end
      what = @connected ? "lost its connection" : "cannot connect"
      Tenterhook.logger.add(level, "watch #{what}, tries again in #{wait.round(1)} s: #{error}")
    end

    # Notes that the server sent something.
    def heard
      return if @connected

      Tenterhook.logger.info("watch is connected again, after #{@failures} tries") if @warned_at
      @connected = @was_connected = true
      @warned_at = nil
      @on_connectivity&.call(Connectivity.new(true, nil, nil))
    end
  end
end

# frozen_string_literal: true

require "json"
require "securerandom"
require "socket"
require "timeout"

require "tenterhook"

module Tenterhook
  # For tests of your own: a server in memory, a receiver that notes what comes, and a wait for a delivery.
  #
  #   Tenterhook::Testing::Server.open do |server|
  #     receiver = Tenterhook::Testing::RecordingReceiver.new
  #     client = server.client
  #     client.create_webhook({display_name: "hook", request: {url: receiver.url}})
  #     event_id = client.publish("created", data: {id: 7}).event_id
  #     Tenterhook::Testing.wait_for(client, event_id)
  #     receiver.requests.first.json.fetch("data") # {"id" => 7}
  #   end
  #
  # The server is the program `tenterhook`, found by `TENTERHOOK_BIN` or in the PATH.
  module Testing
    BINARY = "TENTERHOOK_BIN"
    # The line of the server's log that says where it listens.
    STARTED = "tenterhook::started"
    # How long the rest of the log of a server that is stopped may take.
    LAST_WORDS_SECONDS = 1
    LOOPBACK = "127.0.0.1"
    FINAL = %i[SUCCEEDED FAILED CANCELLED].freeze

    # A delivery ended in another state than the one that was waited for.
    class EndedOtherwise < StandardError; end

    # What was waited for did not come in time.
    class TimeoutError < StandardError; end

    # A server on a free port of this machine, with its store in memory: it starts in a fraction of a second.
    class Server
      # A server that is stopped after the block.
      def self.open(**options)
        server = new(**options)
        yield server
      ensure
        server&.close
      end

      # @return [String] where it listens: `127.0.0.1:PORT`
      attr_reader :target

      # @param binary [String] the program
      # @param flags [Array<String>] further ones of `tenterhook serve`; its settings come from them alone, and not from
      #   the environment
      # @param timeout [Numeric] in seconds; it must listen by then
      # @raise [RuntimeError] with what the server wrote, if it does not start
      def initialize(binary: nil, flags: [], timeout: 20)
        command = [Server.find(binary), "serve", "--dev", "--store", "memory:", "--listen", "#{LOOPBACK}:0",
                   "--ops-listen", "off", "--log-format", "json", *flags]
        unset = ENV.keys.select { |name| name.start_with?("TENTERHOOK_") }.to_h { |name| [name, nil] }
        @clients = []
        @lines = []
        @listens = Queue.new
        @output = IO.popen([unset, *command, {err: %i[child out]}])
        @pid = @output.pid
        @reader = Thread.new { read }
        @target = Timeout.timeout(timeout) { @listens.pop }
        give_up("did not start", command) unless @target
      rescue Timeout::Error
        give_up("did not start within #{timeout} s", command)
      end

      # The last 100 lines that the server wrote.
      def log = @lines.join

      # A client in a namespace of its own, so that tests do not see each other; it is closed with the server.
      def client(**settings)
        Client.new(@target, namespace: "test-#{SecureRandom.hex(6)}", **settings).tap { |made| @clients << made }
      end

      # Stops the server.
      def close
        @clients.each(&:close)
        Process.kill(:KILL, @pid) if @reader.alive?
        @reader.join(LAST_WORDS_SECONDS)
      rescue Errno::ESRCH
        nil # it has ended
      end

      # @api private
      def self.find(binary)
        given = binary || ENV.fetch(BINARY, "")
        return given if File.executable?(given) && !File.directory?(given)
        raise ArgumentError, "#{given} is no program: install it, or set #{BINARY} to its path" unless given.empty?

        folder = ENV.fetch("PATH", "").split(File::PATH_SEPARATOR).find { |one| File.executable?("#{one}/tenterhook") }
        return File.join(folder, "tenterhook") if folder

        raise ArgumentError, "there is no program tenterhook in the PATH: install it, or set #{BINARY} to its path"
      end

      private

      def give_up(how, command)
        close
        raise "the server #{how}: #{command.join(" ")}\n#{log}"
      end

      # Keeps what the server writes, and tells where it listens, or nil if it ends before.
      def read
        @output.each_line do |line|
          @lines << line
          @lines.shift if @lines.size > 100
          @listens << JSON.parse(line).fetch("listen") if line.include?(STARTED)
        end
      ensure
        @listens.close
        @output.close
      end
    end

    # A request that came. The names of `headers` are in lower case.
    Request = Struct.new(:path, :headers, :body) do
      # The body, read as JSON.
      def json = JSON.parse(body.dup.force_encoding(Encoding::UTF_8))
    end

    # An HTTP server on a free port of this machine that notes each request. It answers with the statuses of `statuses`,
    # one after the other, and then with 204.
    class RecordingReceiver
      # @return [String] where it listens
      attr_reader :url

      def initialize(statuses: [])
        @statuses = statuses.dup
        @requests = []
        @mutex = Mutex.new
        @came = ConditionVariable.new
        @socket = TCPServer.new(LOOPBACK, 0)
        @url = "http://#{LOOPBACK}:#{@socket.local_address.ip_port}/"
        @thread = Thread.new { serve }
      end

      # @return [Array<Request>] what came so far, in order
      def requests = @mutex.synchronize { @requests.dup }

      # The requests, when so many have come.
      # @raise [TimeoutError] after so many seconds
      def wait(count: 1, timeout: 10)
        deadline = Tenterhook.monotonic + timeout
        @mutex.synchronize do
          while @requests.size < count
            left = deadline - Tenterhook.monotonic
            raise TimeoutError, "#{@requests.size} of #{count} requests came within #{timeout} s" if left <= 0

            @came.wait(@mutex, left)
          end
          @requests.dup
        end
      end

      # Stops it.
      def close
        @thread.kill
        @thread.join
        @socket.close
      end

      private

      def serve
        loop do
          connection = @socket.accept
          Thread.new { answer(connection) }
        end
      end

      # One request a connection, so that nothing has to be known of keeping it.
      def answer(connection)
        path = connection.gets.to_s.split[1]
        headers = {}
        while (line = connection.gets) && line != "\r\n"
          name, value = line.split(":", 2)
          headers[name.downcase] = value.strip
        end
        status = note(Request.new(path, headers, connection.read(headers.fetch("content-length", "0").to_i)))
        connection.write("HTTP/1.1 #{status} Noted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
      ensure
        connection.close
      end

      def note(request)
        @mutex.synchronize do
          @requests << request
          @came.broadcast
          @statuses.shift || 204
        end
      end
    end

    class << self
      # The deliveries of the event, with their attempts, when there are some and all are in the state.
      # @return [Array<V1::Delivery>]
      # @raise [EndedOtherwise] at once when one ends in another state
      # @raise [TimeoutError] after so many seconds
      def wait_for(client, event_id, state: :SUCCEEDED, timeout: 10)
        deadline = Tenterhook.monotonic + timeout
        list = client.list_deliveries(event_ids: [event_id])
        states = list.to_h { |delivery| [delivery.id, name(delivery)] }
        client.watch(event_ids: [event_id], resume_token: list.resume_token) do |watch|
          until states.any? && states.values.all?(state)
            check(client, event_id, states, state)
            item = watch.poll([0, deadline - Tenterhook.monotonic].max)
            raise TimeoutError, late(event_id, states, state, timeout) if item.nil?

            states[item.change.delivery.id] = name(item.change.delivery)
          end
        end
        states.keys.map { |id| client.get_delivery(id) }
      end

      private

      def name(delivery) = delivery.state.to_s.delete_prefix("DELIVERY_STATE_").to_sym

      def late(event_id, states, state, timeout)
        found = states.map { |id, one| "#{id}: #{one}" }.join(", ")
        "event #{event_id} is not #{state} within #{timeout} s: #{found.empty? ? "it has no delivery" : found}"
      end

      def check(client, event_id, states, state)
        ended, = states.find { |_, one| FINAL.include?(one) && one != state }
        return unless ended && FINAL.include?(state)

        delivery = client.get_delivery(ended)
        why = delivery.attempts.to_a.last&.error || "it was not tried"
        raise EndedOtherwise, "delivery #{ended} of event #{event_id} is #{name(delivery)}: #{why}"
      end
    end
  end
end

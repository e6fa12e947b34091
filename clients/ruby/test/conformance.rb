# frozen_string_literal: true

require "helper"
require "json"
require "net/http"
require "set"
require "tmpdir"

# Runs the shared scenarios; clients/conformance/README.md says what a step means.
module Conformance
  FIXTURES = File.join(ROOT, "tests/fixtures/conformance")
  POLL_SECONDS = 0.05
  SERVICES = {
    "AccessService" => :access, "DeliveryService" => :deliveries, "EventService" => :events,
    "WebhookService" => :webhooks
  }.freeze

  class TooLate < StandardError; end

  # What the source of a stream fails with.
  class SourceFailed < StandardError; end

  # Every scenario with the `given` of its file.
  def self.scenarios
    Dir[File.join(FIXTURES, "*.json")].sort.flat_map do |path|
      document = JSON.parse(File.read(path))
      document["scenarios"].map do |scenario|
        ["#{File.basename(path, ".json")}: #{scenario["name"]}", document.fetch("given", {}), scenario["steps"]]
      end
    end
  end

  # Messages, lists and the like as JSON with the proto's names.
  def self.as_json(value)
    case value
    when Google::Protobuf::MessageExts then JSON.parse(value.to_json(preserve_proto_fieldnames: true))
    when Array then value.map { |one| as_json(one) }
    else value
    end
  end

  # One run of a scenario, in a namespace of its own.
  class Runner
    include Minitest::Assertions
    include Checks

    attr_accessor :assertions

    def initialize(control, given)
      @assertions = 0
      @control = control
      @given = given
      @variables = ask("/").merge("ns" => "rb-#{SecureRandom.hex(6)}", "uuid" => SecureRandom.uuid)
      @clients, @attempts, @watches, @connectivity = {}, {}, {}, {}
      @files = Dir.mktmpdir
      connect("main", {"target" => @variables["target"]})
    end

    def close
      @watches.each_value { |watch, _, _| watch.close }
      @clients.each_value(&:close)
      FileUtils.remove_entry(@files)
    end

    def run(steps)
      steps.each do |step|
        next run(@given.fetch(step["given"])) if step.key?("given")
        next repeat(step) if step.key?("repeat")

        run_step(fill(step))
      end
    end

    private

    def repeat(step)
      step["repeat"].times do |index|
        @variables["i"] = index.to_s
        run(step["steps"])
      end
    end

    def run_step(step)
      start = Tenterhook.monotonic
      patience = step.fetch("within_ms", 30_000) / 1000.0
      closing = close_soon(step) if step.key?("close_client_ms")
      run_within(step, start, patience)
      closing&.join
      assert_operator (Tenterhook.monotonic - start) * 1000, :>=, step.fetch("at_least_ms", 0), "too early"
    end

    def run_within(step, start, patience)
      return give_up(step, patience) if step.key?("give_up_ms")
      return try_until(step, start + patience) if step.key?("expect") && step.key?("within_ms")

      limit(patience) { step.key?("error") ? fail_so(step) : succeed(step) }
    end

    def limit(seconds, &block) = Timeout.timeout(seconds, TooLate, &block)

    def close_soon(step)
      client = @clients.fetch(step["client"])
      Thread.new do
        sleep(step["close_client_ms"] / 1000.0)
        client.close
      end
    end

    def try_until(step, deadline)
      succeed(step)
    rescue Minitest::Assertion
      raise if Tenterhook.monotonic > deadline

      sleep(POLL_SECONDS)
      retry
    end

    def succeed(step)
      answer = perform(step)
      contains(answer, step["expect"]) if step.key?("expect")
      assert_equal step["count"], answer["count"] if step.key?("count")
      step.fetch("save", {}).each { |name, path| @variables[name] = at(answer, path) }
    end

    def fail_so(step)
      answer = perform(step)
    rescue Tenterhook::Error => error
      check_error(error, step["error"])
    else
      flunk "no error but #{answer}"
    end

    def give_up(step, patience)
      start = Tenterhook.monotonic
      assert_raises(Timeout::Error) { Timeout.timeout(step["give_up_ms"] / 1000.0) { perform(step) } }
      assert_operator Tenterhook.monotonic - start, :<, patience, "not within #{patience} s"
    end

    STEPS = %w[
      ping write refuse connectivity call publish publish_batch leave fail_at publish_stream publish_each ordered list
      watch wait_ms take close_client attempts close connect control
    ].freeze

    def perform(step)
      name = STEPS.find { |one| step.key?(one) }
      send(:"do_#{name}", @clients.fetch(step.fetch("client", "main")), step)
    end

    def do_ping(client, _step) = client.ping

    def do_write(_client, step)
      path = File.join(@files, step["write"])
      File.write(path, step["text"])
      @variables[step["write"]] = path
    end

    def do_refuse(_client, step)
      refused = assert_raises(ArgumentError) { environment(step["refuse"]) { Tenterhook::Client.from_env } }
      step["expect"].each { |text| assert_includes refused.message, text }
      step["expect"]
    end

    def do_connectivity(_client, step) = @connectivity.fetch(step["connectivity"])

    def do_call(client, step)
      service, method = step["call"].split("/")
      name = method.gsub(/(?<!^)(?=[A-Z])/, "_").downcase
      group = client.public_send(SERVICES.fetch(service))
      request = Tenterhook::V1.const_get("#{method}Request").decode_json(JSON.generate(step.fetch("request", {})))
      Conformance.as_json(group.public_send(name, request))
    end

    def do_publish(client, step)
      fields = step["publish"].transform_keys(&:to_sym)
      Conformance.as_json(client.publish(fields.delete(:type), **fields))
    end

    def do_publish_batch(client, step) = Conformance.as_json(client.publish_batch(step["publish_batch"]))

    def do_leave(client, step)
      step["leave"].times { client.publish_stream(step["publish_stream"].cycle) { break } }
      {}
    end

    # Publishes from a source that fails with an error of its own.
    def do_fail_at(client, step)
      count = 0
      events = ending(step["publish_stream"].first(step["fail_at"])) { raise SourceFailed }
      client.publish_stream(events) { count += 1 }
      {"acknowledged" => count, "own_error" => false}
    rescue SourceFailed
      {"acknowledged" => count, "own_error" => true}
    end

    def do_publish_stream(client, step)
      events = ending(step["publish_stream"]) { ask(step["then"]) if step.key?("then") }
      client.publish_stream(events).map { |ack| read_ack(ack) }
    end

    # The items, and then what the block does.
    def ending(items, &finish)
      Enumerator.new do |sink|
        items.each { |item| sink << item }
        finish.call
      end
    end

    # Publishes numbered events by a publisher, with something in the middle.
    def do_publish_each(client, step)
      settings = step.fetch("publisher", {}).transform_keys(&:to_sym)
      settings[:linger] = settings.delete(:linger_ms) / 1000.0 if settings.key?(:linger_ms)
      meanwhile = nil
      count = step["publish_each"]
      publications = client.publisher(**settings) do |publisher|
        Array.new(count) do |n|
          meanwhile = Thread.new { ask(step["meanwhile"]) } if n == count / 2 && step.key?("meanwhile")
          publish_one(publisher, step, n)
        end
      end
      meanwhile&.join
      failed = publications.each_index.select { |n| publications[n].error }
      assert(publications.all? { |one| one.error || one.result.event_id == one.event_id })
      {"stored" => count - failed.size, "failed" => failed}
    end

    def publish_one(publisher, step, number)
      key = step.key?("keys") ? {ordering_key: "k#{number % step["keys"]}"} : {}
      type = step.fetch("bad", []).include?(number) ? "" : "created"
      publisher.publish(type, id: "e#{number}", data: {n: number}, **key)
    end

    def do_ordered(client, step)
      numbers = client.list_events(page_size: 1000).map { |event| event.id.delete_prefix("e").to_i }
      step["ordered"].times do |key|
        of_key = numbers.reverse.select { |number| number % step["ordered"] == key }
        assert_equal of_key.sort, of_key, "key #{key}"
      end
      {"count" => numbers.size}
    end

    def do_list(client, step)
      pages = client.public_send("list_#{step["list"]}", **request_of(step))
      count = pages.count
      {"count" => count, "resume_token" => pages.resume_token}
    end

    def do_watch(client, step)
      request = request_of(step)
      interval = request[:bookmark_interval]
      request[:bookmark_interval] = interval.delete_suffix("s").to_i if interval
      request[:filter]["start_time"] = {"seconds" => 1} if request.fetch(:filter, {}).key?("start_time")
      told = @connectivity[step["watch"]] = []
      request[:checkpoint] = Tenterhook::FileCheckpoint.new(step["checkpoint"]) if step.key?("checkpoint")
      watch = client.watch(on_connectivity: ->(state) { tell(told, state) }, **request)
      @watches[step["watch"]] = [watch, Set.new, Set.new]
      step.key?("take") ? do_take(client, step) : {}
    end

    # Notes the state of a watch's connection, once while it stays the same.
    def tell(told, state)
      text = state.connected? ? "connected" : state.error.code.to_s
      raise "#{state} says when to try again, or not" if state.connected? != state.retry_in.nil?

      told << text if told.last != text
    end

    # Waits so long for a change, which does not come unless it is one to `skip`.
    def do_wait_ms(_client, step)
      watch, known, = @watches.fetch(step["take"])
      item = watch.poll(step["wait_ms"] / 1000.0)
      skipped = step.fetch("skip", [])
      assert item.nil? || skipped.include?(item.change.delivery.event_id), item.inspect
      known.merge(skipped)
      {}
    end

    def do_take(_client, step)
      watch, known, seen = @watches.fetch(step["take"])
      known.merge(step.fetch("events", []))
      count = step.fetch("count", 0)
      waiting = Set.new(step.fetch("events", count.zero? ? ["an error"] : []))
      token, taken = "", 0
      until waiting.empty? && taken >= count
        item = watch.next
        taken += 1
        token = item.token
        note(item.change.delivery, known, seen, count)
        waiting.delete(item.change.delivery.event_id) if item.change.delivery.state.to_s == step["state"]
      end
      {"token" => token, "count" => taken}
    end

    def note(delivery, known, seen, count)
      mark = [delivery.id, delivery.state, delivery.attempt_count]
      assert seen.add?(mark), "#{mark} came twice"
      assert count.positive? || known.include?(delivery.event_id), "#{delivery.event_id} is none of #{known.to_a}"
      known << delivery.event_id
    end

    def do_close_client(_client, step)
      @clients.fetch(step["close_client"]).close
      {}
    end

    def do_attempts(_client, step)
      assert_operator @attempts.fetch(step["attempts"]), :<=, step["at_most"]
      {}
    end

    def do_close(_client, step)
      @watches.delete(step["close"]).first.close
      {}
    end

    def do_connect(_client, step) = connect(step["connect"], step)

    def do_control(_client, step) = ask(step["control"])

    def connect(name, step)
      if step.key?("env")
        @clients[name] = environment(step["env"]) { Tenterhook::Client.from_env }
        return {}
      end
      @attempts[name] = 0
      headers = lambda do
        @attempts[name] += 1
        step.fetch("headers", {})
      end
      pems = {ca: step["ca"], client_cert: step["cert"], client_key: step["cert_key"]}.compact
      settings = {api_key: key_of(step), namespace: @variables["ns"], retry_policy: policy_of(step), headers: headers}
      timeout = step.fetch("timeout_ms", 10_000) / 1000.0
      @clients[name] = Tenterhook::Client.new(step["target"], timeout: timeout, **settings, **pems)
      {}
    end

    def key_of(step)
      return step["api_key"] unless step.key?("api_keys")

      keys = step["api_keys"].dup
      -> { keys.size > 1 ? keys.shift : keys.first }
    end

    # The policy of a step: true or false, or the fields that are not zero.
    def policy_of(step)
      given = step.fetch("retry", true)
      return Tenterhook::RetryPolicy.new(enabled: given) if [true, false].include?(given)

      Tenterhook::RetryPolicy.new(
        initial: given.fetch("initial_ms", 0) / 1000.0, multiplier: given.fetch("multiplier", 0),
        maximum: given.fetch("max_ms", 0) / 1000.0, jitter: 0, enabled: given.fetch("enabled", true)
      )
    end

    def request_of(step) = step.fetch("request", {}).transform_keys(&:to_sym)

    # Runs the block in an environment with these variables of Tenterhook and no other.
    def environment(variables)
      before = ENV.to_h
      before.each_key { |name| ENV.delete(name) if name.start_with?("TENTERHOOK_") }
      ENV.update(variables)
      yield
    ensure
      ENV.replace(before)
    end

    def ask(path) = JSON.parse(Net::HTTP.get(URI(@control + path)))

    def fill(value)
      case value
      when Hash then value.to_h { |name, inside| [fill(name), fill(inside)] }
      when Array then value.map { |inside| fill(inside) }
      when String then value.gsub(/\$([a-z]+[0-9]*)/) { @variables.fetch(Regexp.last_match(1)) }
      else value
      end
    end
  end
end

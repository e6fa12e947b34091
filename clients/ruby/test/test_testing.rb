# frozen_string_literal: true

require "helper"
require "tmpdir"
require "tenterhook/testing"

# The kit for users' own tests, with the server under test.
class TestTesting < Minitest::Test
  Testing = Tenterhook::Testing
  HOOK = {display_name: "hook", signing: {schemes: [:SIGNATURE_SCHEME_STANDARD_WEBHOOKS]}}.freeze

  def with_receiver(**options)
    receiver = Testing::RecordingReceiver.new(**options)
    Testing::Server.open { |server| yield server, receiver }
  ensure
    receiver&.close
  end

  def test_an_event_arrives
    with_receiver do |server, receiver|
      client = server.client
      _, secret = client.create_webhook({**HOOK, request: {url: "#{receiver.url}hook"}})
      event_id = client.publish("created", data: {name: "Zürich"}).event_id
      delivery, = Testing.wait_for(client, event_id)
      assert_equal 1, delivery.attempts.size
      request, = receiver.wait
      assert_equal ["/hook", {"name" => "Zürich"}], [request.path, request.json["data"]]
      assert_equal event_id, Tenterhook::Webhooks.parse(request.headers, request.body, secret).id
      assert_empty server.client.list_events.to_a, "another client sees it"
    end
  end

  def test_a_receiver_can_fail_first_and_a_wait_sees_how_it_ends
    with_receiver(statuses: [500]) do |server, receiver|
      client = server.client
      client.create_webhook({**HOOK, retry: {max_attempts: 1}, request: {url: receiver.url}})
      event_id = client.publish("created").event_id
      ended = assert_raises(Testing::EndedOtherwise) { Testing.wait_for(client, event_id) }
      assert_match(/of event #{event_id} is FAILED: .*500/, ended.message)
      assert_equal 500, Testing.wait_for(client, event_id, state: :FAILED).first.attempts.first.response.status
      assert_raises(Testing::TimeoutError) { receiver.wait(count: 2, timeout: 0) }
    end
  end

  def test_a_wait_for_nothing_ends
    Testing::Server.open do |server|
      client = server.client
      event_id = client.publish("created").event_id
      late = assert_raises(Testing::TimeoutError) { Testing.wait_for(client, event_id, timeout: 0.1) }
      assert_match(/it has no delivery/, late.message)
    end
  end

  def test_a_server_that_does_not_start_says_why
    error = assert_raises(RuntimeError) { Testing::Server.new(flags: ["--no-such-flag"]) }
    assert_match(/--no-such-flag/, error.message)
    error = assert_raises(ArgumentError) { Testing::Server.new(binary: "/nowhere") }
    assert_match(%r{/nowhere is no program.*TENTERHOOK_BIN}, error.message)
  end

  def test_a_server_that_does_not_come_up_is_given_up_with_what_it_wrote
    Dir.mktmpdir do |folder|
      slow = File.join(folder, "slow")
      File.write(slow, "#!/bin/sh\necho opening the store\nexec tail -f /dev/null\n", perm: 0o755)
      error = assert_raises(RuntimeError) { Testing::Server.new(binary: slow, timeout: 1) }
      assert_match(/\Athe server did not start within 1 s: .*\nopening the store\n\z/, error.message)
    end
  end
end

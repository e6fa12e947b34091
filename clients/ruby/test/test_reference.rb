# frozen_string_literal: true

require "helper"
require "reference"

# The calls of the API reference run, against a server that has none of what they name.
class TestReference < Minitest::Test
  CALLS = Reference.singleton_methods.sort

  def with_client
    target = ENV.fetch("TENTERHOOK_TARGET") { flunk "needs the harness: make test-client-ruby" }
    Tenterhook::Client.open(target, namespace: "reference-rb") do |client|
      # What is watched and listed is there in any order of the tests.
      client.create_webhook({display_name: "first", request: {url: "http://127.0.0.1:9/"}})
      client.publish("created")
      yield client
    end
  end

  def test_the_calls_run
    with_client do |client|
      CALLS.each do |name|
        capture_io { Reference.public_send(name, client) }
      rescue Tenterhook::NotFound, Tenterhook::Conflict => error
        refute_includes %i[publish_event create_webhook list_events watch_deliveries], name, error.message
      end
    end
  end

  def test_there_are_enough_calls
    assert_operator CALLS.size, :>=, 31
  end
end

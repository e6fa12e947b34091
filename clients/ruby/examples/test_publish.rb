# frozen_string_literal: true

# How the service of `publish.rb` is tested: with the server itself, in memory.

require "minitest/autorun"
require "tenterhook/testing"
require_relative "publish"

class TestSites < Minitest::Test
  SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

  def test_a_saved_site_is_told_once
    receiver = Tenterhook::Testing::RecordingReceiver.new
    Tenterhook::Testing::Server.open do |server|
      client = server.client
      subscribe(client, receiver.url, SECRET)
      sites = Sites.new(client)
      capture_io { 2.times { sites.save(Site.new(7, "Zürich", 1)) } }
      Tenterhook::Testing.wait_for(client, "site-7-1")
    end
    assert_equal 1, receiver.requests.size
    request = receiver.requests.first
    assert_equal "site-7-1", Tenterhook::Webhooks.parse(request.headers, request.body, SECRET).id
  ensure
    receiver&.close
  end
end

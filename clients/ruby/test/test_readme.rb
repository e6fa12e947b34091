# frozen_string_literal: true

# Every Ruby snippet of the README runs, in order, as one program, against the server of the harness. It needs nothing
# of this folder, so that it runs with an installed gem too.

require "minitest/autorun"
require "rack/mock"

require "tenterhook"

# The program of the README, and what its snippets leave behind when they have all run.
class TestReadme < Minitest::Test
  SNIPPETS = File.read(File.expand_path("../README.md", __dir__)).scan(/^```ruby\n(.*?)^```/m).flatten
  SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

  def program
    @program ||= begin
      target = ENV.fetch("TENTERHOOK_TARGET") { flunk "needs the harness: make test-client-ruby" }
      ENV["HOOK_SECRET"] = SECRET
      context = TOPLEVEL_BINDING.dup
      capture_io do
        SNIPPETS.each { |snippet| context.eval(snippet.gsub("localhost:50051", target), "README.md") }
      end
      context
    end
  end

  def variable(name) = program.local_variable_get(name)

  def status(app, body, headers)
    env = headers.transform_keys { |name| "HTTP_#{name.upcase.tr("-", "_")}" }
    ::Rack::MockRequest.new(app).post("/hook", env.merge(input: body)).status
  end

  def test_the_snippets_run
    assert_operator variable(:result).delivery_count, :>=, 1
    assert_operator variable(:secret), :start_with?, "whsec_"
    refute_empty variable(:stored_token)
    assert_raises(Tenterhook::Closed) { variable(:client).publish("created") }
    check_receivers(variable(:endpoint) => variable(:secret), variable(:app) => variable(:secret), ::Hooks => SECRET)
  end

  def check_receivers(apps)
    body = '{"event": "created", "timestamp": "2026-03-06T15:11:23+00:00", "data": {}}'
    before, Tenterhook.logger = Tenterhook.logger, Logger.new(nil)
    apps.each do |app, secret|
      capture_io { assert_equal 204, status(app, body, Tenterhook::Webhooks.sign_for_test(body, secret)) }
      assert_equal 401, status(app, body, {})
    end
  ensure
    Tenterhook.logger = before
  end

  def test_there_is_a_snippet_for_each_part
    assert_operator SNIPPETS.size, :>=, 9
  end
end

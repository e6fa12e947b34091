# frozen_string_literal: true

require "conformance"

# The shared scenarios against a real server; run by `make test-client-ruby`.
class TestConformance < Minitest::Test
  SCENARIOS = Conformance.scenarios

  SCENARIOS.each do |name, given, steps|
    define_method("test_#{name}") do
      control = ENV.fetch("TENTERHOOK_CONTROL") { flunk "needs the harness: make test-client-ruby" }
      runner = Conformance::Runner.new(control, given)
      begin
        runner.run(steps)
      ensure
        runner.close
        self.assertions += runner.assertions
      end
    end
  end

  def test_there_are_enough_scenarios
    assert_operator SCENARIOS.size, :>=, 60
    assert_equal SCENARIOS.size, SCENARIOS.map(&:first).uniq.size
  end
end

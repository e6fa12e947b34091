# frozen_string_literal: true

module Conformance
  # What scenarios compare.
  module Checks
    KINDS = {
      NOT_FOUND: Tenterhook::NotFound, ALREADY_EXISTS: Tenterhook::Conflict, ABORTED: Tenterhook::Conflict,
      FAILED_PRECONDITION: Tenterhook::Conflict, INVALID_ARGUMENT: Tenterhook::Invalid,
      OUT_OF_RANGE: Tenterhook::Invalid, UNAVAILABLE: Tenterhook::Unavailable
    }.freeze
    EMPTY = [nil, "", 0, false, "0", [], {}].freeze

    private

    # Asserts that `expected` is in `actual`.
    def contains(actual, expected, place = "answer")
      case expected
      when Hash then expected.each { |name, value| contains(member(actual, name), value, "#{place}.#{name}") }
      when Array then contains_list(actual || [], expected, place)
      when "*" then refute_includes EMPTY, actual, "#{place} is empty"
      when /\A~/ then assert_match Regexp.new(expected[1..]), actual.to_s, place
      when *EMPTY then assert_includes EMPTY, actual, "#{place} is not empty"
      else assert_equal expected.to_s, actual.to_s, place
      end
    end

    def contains_list(actual, expected, place)
      assert_equal expected.size, actual.size, "#{place}: #{actual}"
      expected.each_with_index { |value, index| contains(actual[index], value, "#{place}[#{index}]") }
    end

    def member(value, name) = value.is_a?(Hash) ? value[name] : nil

    def at(value, path)
      path.split(".").reduce(value) { |inside, part| inside.is_a?(Array) ? inside[part.to_i] : inside.fetch(part, "") }
    end

    def read_ack(ack)
      return {"result" => Conformance.as_json(ack.result)} if ack.error.nil?

      error = ack.error
      fields = error.field_violations.map(&:field).join
      {"error" => {"code" => error.code, "reason" => error.reason, "field" => fields, "text" => error.message}}
    end

    def check_error(error, expected)
      assert_includes expected["code"].split("|"), error.code.to_s, error.message
      assert_kind_of KINDS.fetch(error.code, Tenterhook::Error), error
      assert_equal expected.fetch("closed", false), error.is_a?(Tenterhook::Closed), error.message
      assert_equal expected["reason"], error.reason.to_s if expected.key?("reason")
      assert_equal expected["permanent"], error.permanent?, error.message if expected.key?("permanent")
      assert_equal expected["retry_after"], !error.retry_after.nil? if expected.key?("retry_after")
      contains(error.detail, expected["message"], "message") if expected.key?("message")
      contains(error.message, expected["text"], "text") if expected.key?("text")
      expected.fetch("metadata", []).each { |name| refute_empty error.metadata.fetch(name, ""), name }
      check_field(error, expected["field"]) if expected.key?("field")
    end

    def check_field(error, field)
      fields = error.field_violations.map(&:field)
      assert fields.any? { |one| one.start_with?(field) }, "#{fields} has no #{field}"
    end
  end
end

# frozen_string_literal: true

require "helper"

# Every shared value of JSON: how it is written, or that it is refused.
class TestJson < Minitest::Test
  PATH = File.expand_path("../../../tests/fixtures/json_values.json", __dir__)
  CASES = JSON.parse(File.read(PATH)).reject { |one| one.fetch("absent", []).include?("ruby") }
  LOOP = {}.tap { |made| made[:itself] = made }
  VALUES = {
    "nan" => Float::NAN,
    "infinity" => Float::INFINITY,
    "minus_infinity" => -Float::INFINITY,
    "nan_inside" => {a: [1.5, Float::NAN]},
    "nan_as_key" => {Float::NAN => 1},
    "beyond_2_53" => (2**53) + 1,
    "beyond_2_63" => 2**63,
    "beyond_2_64" => (2**64) + 1,
    "integer_as_key" => {7 => "a"},
    "null_as_key" => {nil => 1},
    "list_as_key" => {[1, 2] => 1},
    "bytes" => "\x01\xff".b,
    "time" => Time.at(0),
    "cycle" => LOOP,
    "half_a_pair" => "\xed\xa0\x80",
    "half_a_pair_as_key" => {"\xed\xa0\x80" => 1},
    "replacement" => "\ufffd\\ufffd"
  }.freeze

  # Rails, which other tests load, gives every object an `as_json`.
  def setup
    time = VALUES.fetch("time")
    time.singleton_class.undef_method(:as_json) if time.respond_to?(:as_json)
  end

  CASES.each do |one|
    define_method("test_#{one["name"]}") do
      text = one.dig("but", "ruby") || one["json"]
      write = -> { Tenterhook::Messages.json_document(VALUES.fetch(one["name"])).json }
      if text.nil? || one.fetch("refused_by", []).include?("ruby")
        assert_raises(TypeError, ArgumentError, RangeError, &write)
      else
        assert_equal text, write.call
      end
    end
  end
end

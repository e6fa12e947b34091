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

  Words = Class.new(String) { def to_json(*) = "1" }

  def written(value) = Tenterhook::Messages.json_document(value).json

  def test_what_is_written_as_it_is_is_written_as_its_copy
    {
      {a: [1, 2.5, nil, true, false, :b, "ü", {"c" => {}}]} => '{"a":[1,2.5,null,true,false,"b","ü",{"c":{}}]}',
      {:a => 1, "b" => 2, 3 => 4} => '{"a":1,"b":2,"3":4}',
      {a: Words.new("text")} => '{"a":"text"}',
      ["\u00fc".b] => '["ü"]',
      Array.new(2) { (2**70) } => "[1180591620717411303424,1180591620717411303424]"
    }.each { |value, json| assert_equal json, written(value) }
  end

  def test_a_name_that_is_there_twice_is_refused
    same = {}.compare_by_identity
    2.times { |number| same["a".dup] = number }
    [{"a" => 1, a: 2}, same].each { |value| assert_raises(ArgumentError) { written([value]) } }
  end

  def test_what_is_nested_too_deeply_is_refused
    deep = ->(levels) { (1..levels).reduce(1) { |inside, _| [inside] } }
    assert_equal 128, written(deep.call(128)).count("[")
    assert_raises(ArgumentError) { written(deep.call(129)) }
  end
end

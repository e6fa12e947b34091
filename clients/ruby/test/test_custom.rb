# frozen_string_literal: true

require "json"
require "minitest/autorun"

require "tenterhook"

# Every shared vector of custom signatures, and what the vectors cannot say.
class TestCustom < Minitest::Test
  ROOT = File.expand_path("../../..", __dir__)
  VECTORS = File.readlines(File.join(ROOT, "tests/fixtures/custom_signatures.jsonl")).map { |line| JSON.parse(line) }
  REFUSALS = {"invalid" => Tenterhook::InvalidSignature, "misconfigured" => Tenterhook::Misconfigured}.freeze

  def described(fields)
    named = fields.transform_keys(&:to_sym)
    Tenterhook::CustomSignature.new(named.delete(:header), **named)
  end

  def check(vector)
    signatures = vector["custom"].map { |fields| described(fields) }
    request = vector.slice("method", "path").transform_keys(&:to_sym)
    Tenterhook::Webhooks.verify_custom(
      vector["headers"], vector["body"], vector["secrets"], signatures, now: vector["now"], **request
    )
  end

  VECTORS.each do |vector|
    define_method("test_vector_#{vector["id"]}") do
      refusal = REFUSALS[vector["expected"]]
      refusal ? assert_raises(refusal) { check(vector) } : assert_nil(check(vector))
    end
  end

  def test_there_are_all_the_vectors
    assert_operator VECTORS.size, :>=, 56
  end

  def test_one_secret_and_one_description_need_no_list_and_a_rack_environment_will_do
    vector = VECTORS.find { |one| one["id"] == "custom-plain" }
    signature = vector["headers"].values.first
    described = Tenterhook::CustomSignature.new("X-Signature")
    env = {"HTTP_X_SIGNATURE" => signature, "rack.input" => nil}
    assert_nil Tenterhook::Webhooks.verify_custom(env, vector["body"], "k", described)
  end

  def test_what_was_parsed_is_refused
    error = assert_raises(Tenterhook::Misconfigured) do
      Tenterhook::Webhooks.verify_custom({}, {n: 1}, "k", Tenterhook::CustomSignature.new("X-Signature"))
    end
    assert_includes error.message, "before anything parses it"
  end

  def test_a_word_that_the_field_does_not_have_is_refused
    {algorithm: "MD5", encoding: "base64", key_encoding: ""}.each do |field, word|
      described = Tenterhook::CustomSignature.new("X-Signature", field => word)
      error = assert_raises(Tenterhook::Misconfigured) { Tenterhook::Webhooks.verify_custom({}, "", "k", described) }
      assert_includes error.message, field.to_s
    end
  end
end

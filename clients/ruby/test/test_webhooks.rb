# frozen_string_literal: true

require "json"
require "minitest/autorun"

require "tenterhook"

# Every shared vector of signing and verifying, and what the vectors cannot say.
class TestWebhooks < Minitest::Test
  ROOT = File.expand_path("../../..", __dir__)
  VECTORS = File.readlines(File.join(ROOT, "tests/fixtures/signatures.jsonl")).map { |line| JSON.parse(line) }
  SIGNED = VECTORS.select { |vector| vector["category"] == "sign" }
  SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  REFUSALS = [Tenterhook::InvalidSignature, Tenterhook::Misconfigured].freeze

  def body_of(vector)
    vector.key?("body_base64") ? vector["body_base64"].unpack1("m") : vector["body"]
  end

  # A public key among the secrets is what makes the difference.
  def scheme_of(vector) = vector["scheme"].delete_suffix("_ASYMMETRIC").to_sym

  def check(vector, secrets = vector["secrets"], body: body_of(vector), headers: vector["headers"], now: vector["now"])
    Tenterhook::Webhooks.verify(headers, body, secrets, now: now, scheme: scheme_of(vector))
  end

  VECTORS.each do |vector|
    define_method("test_vector_#{vector["id"]}") do
      if vector["expected"] == "valid"
        assert_nil check(vector)
      else
        assert_raises(*REFUSALS) { check(vector) }
      end
    end
  end

  def test_there_are_all_the_vectors
    assert_operator VECTORS.size, :>=, 101
    refute_empty SIGNED
  end

  def test_a_changed_body_is_refused
    SIGNED.each { |vector| assert_raises(Tenterhook::InvalidSignature) { check(vector, body: "x#{vector["body"]}") } }
  end

  def test_what_is_signed_for_a_test_is_what_the_server_signs
    SIGNED.select { |vector| vector["secrets"].size == 1 }.each do |vector|
      id = vector["id_header"] ? {id: vector["id_header"]} : {}
      now = Time.at(vector["timestamp"] || vector["now"] || 0)
      settings = {now: now, scheme: scheme_of(vector), **id}
      made = Tenterhook::Webhooks.sign_for_test(body_of(vector), vector["secrets"].first, **settings)
      assert_equal vector["headers"].transform_keys(&:downcase), made, vector["id"]
    end
  end

  def test_one_secret_may_be_given_as_text
    assert_nil check(SIGNED.first, SIGNED.first["secrets"].first)
  end

  def test_headers_may_be_a_rack_environment
    headers = SIGNED.first["headers"].transform_keys { |name| "HTTP_#{name.upcase.tr("-", "_")}" }
    assert_nil check(SIGNED.first, headers: headers.merge("rack.errors" => $stderr, "REQUEST_METHOD" => "POST"))
  end

  def test_headers_may_be_lists_as_net_http_has_them
    assert_nil check(SIGNED.first, headers: SIGNED.first["headers"].transform_values { |value| [value] })
  end

  def test_the_clock_is_read_when_no_time_is_given
    vector = SIGNED.first
    error = assert_raises(Tenterhook::InvalidSignature) do
      Tenterhook::Webhooks.verify(vector["headers"], body_of(vector), vector["secrets"])
    end
    assert_includes error.message, "too far"
    assert_nil Tenterhook::Webhooks.verify(Tenterhook::Webhooks.sign_for_test("{}", SECRET), "{}", SECRET)
  end

  def test_a_public_key_signs_nothing
    error = assert_raises(Tenterhook::Misconfigured) do
      Tenterhook::Webhooks.sign_for_test("{}", "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=")
    end
    assert_includes error.message, "public key"
  end

  def test_a_wrong_secret_is_no_attack_and_is_not_printed
    ["", "whsec_", "whsec_ä", "very-secret", [SECRET, ""], [nil], nil, []].each do |secrets|
      error = assert_raises(Tenterhook::Misconfigured) { Tenterhook::Webhooks.verify({}, "", secrets, now: 0) }
      refute_includes error.message, "very-secret"
    end
  end

  def test_a_parsed_body_is_no_attack
    [{}, nil, 5].each do |body|
      error = assert_raises(Tenterhook::Misconfigured) { Tenterhook::Webhooks.verify({}, body, SECRET) }
      assert_includes error.message, "not a String"
    end
  end

  def test_a_scheme_is_one_of_three
    assert_raises(ArgumentError) { Tenterhook::Webhooks.verify({}, "", SECRET, scheme: :MD5) }
  end

  def test_a_body_is_bytes_whatever_its_encoding_says
    body = "{\"name\": \"Zürich\"}"
    headers = Tenterhook::Webhooks.sign_for_test(body, SECRET)
    [body.b, body.dup.force_encoding("ISO-8859-1"), body].each do |same|
      assert_nil Tenterhook::Webhooks.verify(headers, same, SECRET)
    end
  end
end

# frozen_string_literal: true

require "fakes"
require "tmpdir"

# How a client is set up, and what no further try can help.
class TestSetup < Minitest::Test
  PERMANENT = {
    "last error: Ssl handshake failed: CERTIFICATE_VERIFY_FAILED: self signed certificate" => "certificate",
    "error:0A000086:SSL routines::certificate verify failed" => "certificate",
    "Hostname Verification Check failed." => "certificate",
    "Ssl handshake failed: SSL_ERROR_SSL: WRONG_VERSION_NUMBER" => "http://",
    "last error: INTERNAL: ipv4:127.0.0.1:1: Trying to connect an http1.x server" => "https://",
    "DNS resolution failed for nowhere.example:443: Domain name not found" => "no such host",
    "getaddrinfo: Name or service not known" => "no such host"
  }.freeze

  def read(code, text) = Tenterhook::Status.read(GRPC::BadStatus.new(GRPC::Core::StatusCodes.const_get(code), text))

  def test_what_no_further_try_can_help_is_permanent
    PERMANENT.each do |details, advice|
      error = read(:UNAVAILABLE, details)
      assert_kind_of Tenterhook::Unavailable, error
      assert_predicate error, :permanent?
      assert_includes error.detail, advice
      assert_includes error.detail, details
    end
  end

  def test_a_server_that_is_away_may_come_back
    refute_predicate read(:UNAVAILABLE, "failed to connect to all addresses: Connection refused"), :permanent?
    refute_predicate read(:INTERNAL, "WRONG_VERSION_NUMBER"), :permanent?
  end

  def test_a_url_has_the_port_of_its_scheme
    {
      "https://hooks.example.com" => ["hooks.example.com:443", true],
      "https://hooks.example.com/" => ["hooks.example.com:443", true],
      "https://[::1]" => ["[::1]:443", true],
      "https://hooks.example.com:8443" => ["hooks.example.com:8443", true],
      "http://hooks.example.com" => ["hooks.example.com:80", false],
      "hooks.example.com:50051" => ["hooks.example.com:50051", true],
      "localhost:50051" => ["localhost:50051", false],
      "[::1]:50051" => ["[::1]:50051", false]
    }.each do |target, (address, secure)|
      connection = Tenterhook::Connection.new(target)
      assert_equal [address, secure], [connection.instance_variable_get(:@address), connection.send(:secure?)], target
    end
  end

  def test_a_certificate_without_its_key_is_refused
    assert_raises(ArgumentError) { Tenterhook::Client.new("localhost:1", client_cert: "PEM") }
  end

  def test_an_empty_key_file_is_refused
    Dir.mktmpdir do |folder|
      path = File.join(folder, "key")
      File.write(path, " \n")
      error = assert_raises(ArgumentError) { Tenterhook::ApiKeyFile.new(path) }
      assert_includes error.message, "is empty"
    end
  end

  def test_a_policy_field_of_zero_takes_its_default
    plain = Tenterhook::RetryPolicy.new(jitter: 0)
    %i[initial multiplier maximum].each do |field|
      zero = Tenterhook::RetryPolicy.new(jitter: 0, field => 0)
      assert_equal(Array.new(9) { |n| plain.wait(n) }, Array.new(9) { |n| zero.wait(n) })
    end
    assert_equal 5.0, plain.wait(1000)
  end

  def test_a_client_is_closed_after_its_block
    client = Tenterhook::Client.open("127.0.0.1:1") { |inside| inside }
    assert_raises(Tenterhook::Closed) { client.publish("created") }
  end

  def test_a_receiver_does_not_load_grpc
    names = "Tenterhook::Webhooks; Tenterhook::Receiver; Tenterhook::Rack"
    program = "require 'tenterhook'; #{names}; print $LOADED_FEATURES.grep(/grpc/).size"
    assert_equal "0", IO.popen([RbConfig.ruby, "-I#{File.join(ROOT, "clients/ruby/lib")}", "-e", program], &:read)
  end
end

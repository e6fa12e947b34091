# frozen_string_literal: true

require "openssl"

require "tenterhook"
require "tenterhook/webhooks/custom"
require "tenterhook/webhooks/headers"
require "tenterhook/webhooks/keys"

module Tenterhook
  # The request must not be trusted: answer 401. The text says why, and holds no secret.
  class InvalidSignature < StandardError; end

  # The receiver itself is wrong, whoever sent the request: a secret that is empty or not base64, a body that was parsed
  # before. Answer 500 and fix it; the text says how, and holds no secret.
  class Misconfigured < StandardError; end

  # Checks that a request came from Tenterhook and was not changed: for receivers. Needs no gRPC.
  #
  # `scheme` is what the webhook's `signing.schemes` says: `:STANDARD_WEBHOOKS`, which with a public key (`whpk_…`)
  # among the secrets verifies STANDARD_WEBHOOKS_ASYMMETRIC too; `:NETBOX` or `:GITHUB`, which do not protect from
  # replays.
  module Webhooks
    # Seconds that a Standard Webhooks timestamp may be away from the receiver's clock.
    TOLERANCE = 300
    SCHEMES = %i[NETBOX STANDARD_WEBHOOKS GITHUB].freeze

    class << self
      # Returns if one of `secrets`, secrets or public keys, signed the request.
      #
      # @param headers [#each] names and values, whatever the case of the names; a Rack environment too
      # @param body [String] as it arrived, before anything parsed it: signatures cover bytes
      # @param secrets [String, Array<String>] all that are live while keys are rotated
      # @param now [Numeric] the receiver's clock in Unix seconds
      # @raise [InvalidSignature] if none of them did
      # @raise [Misconfigured] if the receiver itself is wrong
      def verify(headers, body, secrets, now: Time.now, scheme: :STANDARD_WEBHOOKS, tolerance: TOLERANCE)
        check(headers, body, secrets, now: now, scheme: scheme, tolerance: tolerance)
        nil
      end

      # Returns if every described header is right, each signature by one of `secrets`: for receivers that keep another
      # system's header.
      #
      # @param signatures [CustomSignature, Array<CustomSignature>] what `signing.custom` of the webhook describes
      # @param path [String] of the request, with its query; only `{{path}}` needs it
      # @param tolerance [Numeric] seconds that a time that a header gives may be away from `now`
      # @raise [InvalidSignature] if one of them is not
      # @raise [Misconfigured] if the receiver itself is wrong
      def verify_custom(headers, body, secrets, signatures, now: Time.now, method: "POST", path: nil,
                        tolerance: TOLERANCE)
        verifier = CustomVerifier.new(signatures, secrets, path)
        require_bytes(body)
        verifier.verify(headers, body, now, method, tolerance)
        nil
      end

      # Verifies a request, as {verify} does, and gives its event.
      #
      # @return [WebhookEvent]
      # @raise [Misconfigured] also when the webhook has a body template: such a body only its receiver can read, after
      #   {verify}
      def parse(headers, body, secrets, now: Time.now, scheme: :STANDARD_WEBHOOKS, tolerance: TOLERANCE)
        found = check(headers, body, secrets, now: now, scheme: scheme, tolerance: tolerance)
        WebhookEvent.read(scheme == :STANDARD_WEBHOOKS ? found["webhook-id"] : "", body)
      end

      # The headers that a delivery of `body` has, for tests of a receiver. `id` is its `webhook-id`.
      # @return [Hash{String => String}]
      def sign_for_test(body, secret, now: Time.now, id: "msg_test", scheme: :STANDARD_WEBHOOKS)
        publics, keys = Keys.read(scheme, [secret])
        raise Misconfigured, "a public key signs nothing; sign tests with a secret (whsec_…)" unless publics.empty?

        key = keys.first
        return {"x-hook-signature" => signature(scheme, key, body)} if scheme == :NETBOX
        return {"x-hub-signature-256" => signature(scheme, key, body)} if scheme == :GITHUB

        timestamp = now.to_i.to_s
        signed = signature(scheme, key, "#{id}.#{timestamp}.".b + body.b)
        {"webhook-id" => id, "webhook-timestamp" => timestamp, "webhook-signature" => "v1,#{signed}"}
      end

      private

      # Verifies, and returns the headers by their names in lower case.
      def check(headers, body, secrets, now:, scheme:, tolerance:)
        raise ArgumentError, "the scheme is one of #{SCHEMES.join(", ")}" unless SCHEMES.include?(scheme)
        require_bytes(body)
        publics, keys = Keys.read(scheme, Array(secrets))
        found = Headers.read(headers)
        content, given = signed_content(scheme, found, body.b, now, tolerance)
        return found if signed_by_any?(publics, content, given)

        given = of_version("v1,", given) if scheme == :STANDARD_WEBHOOKS
        wanted = keys.map { |key| signature(scheme, key, content) }
        # All are compared, so that the time says nothing of which is right.
        matches = wanted.product(given).map { |one, other| OpenSSL.secure_compare(one, other) }
        return found if matches.any?

        raise InvalidSignature, "no signature matches: the secret is another, or the body was changed"
      end

      def require_bytes(body)
        return if body.is_a?(String)

        raise Misconfigured,
              "the body is a #{body.class}, not a String: pass it as it arrived, before anything parses it"
      end

      # What is signed, and the signatures that were given.
      def signed_content(scheme, headers, body, now, tolerance)
        case scheme
        when :NETBOX then [body, [Headers.require(headers, "x-hook-signature")]]
        when :GITHUB then [body, [Headers.require(headers, "x-hub-signature-256")]]
        else
          id = Headers.require(headers, "webhook-id")
          timestamp = Headers.require(headers, "webhook-timestamp")
          Headers.require_time(timestamp, now, tolerance, "webhook-timestamp")
          [id.b + ".#{timestamp}.".b + body, Headers.require(headers, "webhook-signature").split(/ /)]
        end
      end

      def signed_by_any?(publics, content, given)
        signatures = of_version("v1a,", given).filter_map { |one| decode(one) }
        publics.product(signatures).any? { |public_key, one| Keys.signed?(public_key, content, one) }
      end

      # Those signatures of Standard Webhooks that begin with this version, without it.
      def of_version(prefix, signatures)
        signatures.filter_map { |one| one.delete_prefix(prefix) if one.start_with?(prefix) }
      end

      def decode(text)
        text.unpack1("m0")
      rescue ArgumentError
        nil
      end

      def signature(scheme, key, content)
        case scheme
        when :NETBOX then OpenSSL::HMAC.hexdigest("SHA512", key, content)
        when :GITHUB then "sha256=#{OpenSSL::HMAC.hexdigest("SHA256", key, content)}"
        else [OpenSSL::HMAC.digest("SHA256", key, content)].pack("m0")
        end
      end
    end
  end
end

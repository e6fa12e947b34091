# frozen_string_literal: true

require "openssl"

module Tenterhook
  module Webhooks
    # Reads secrets and public keys.
    # @api private
    module Keys
      PREFIX = "whsec_"
      PUBLIC_PREFIX = "whpk_"
      BASE64 = %r{\A([A-Za-z0-9+/]*)={0,2}\z}
      # What surrounds a secret that was read from a file.
      BLANKS = /\A[ \t\r\n]+|[ \t\r\n]+\z/
      PUBLIC_BYTES = 32
      # DER of a SubjectPublicKeyInfo of Ed25519, before the 32 bytes of the key (RFC 8410, section 4).
      ED25519_DER = ["302a300506032b6570032100"].pack("H*").freeze

      class << self
        # The public keys among the secrets, and the keys of the others.
        def read(scheme, secrets)
          publics, others = secrets.partition { |secret| public?(scheme, secret) }
          raise Misconfigured, "no secret is given" if secrets.empty?

          [publics.map { |secret| public_key(secret) }, others.map { |secret| key(scheme, secret) }]
        end

        # Whether the signature is of this key. OpenSSL checks it as RFC 8032 asks.
        def signed?(public_key, content, signature)
          public_key.verify(nil, signature, content)
        rescue OpenSSL::PKey::PKeyError
          false
        end

        # The key of a secret in base64: blanks and line ends around it do not count, and its prefix and its padding may
        # be missing.
        def base64_key(secret)
          bytes = decode(trim(secret).delete_prefix(PREFIX))
          raise Misconfigured, "a secret is not base64, as the secrets of Standard Webhooks are (whsec_…)" if bytes.nil?
          raise Misconfigured, "a secret is empty" if bytes.empty?

          bytes
        end

        private

        def public?(scheme, secret)
          scheme == :STANDARD_WEBHOOKS && secret.is_a?(String) && trim(secret).start_with?(PUBLIC_PREFIX)
        end

        def trim(secret) = secret.gsub(BLANKS, "")

        def public_key(secret)
          bytes = decode(trim(secret).delete_prefix(PUBLIC_PREFIX))
          if bytes.nil? || bytes.bytesize != PUBLIC_BYTES
            raise Misconfigured, "a public key is not base64 of 32 bytes, as those of Standard Webhooks are (whpk_…)"
          end

          OpenSSL::PKey.read(ED25519_DER + bytes)
        end

        # The key of a secret; those of other schemes than Standard Webhooks are taken as they are.
        def key(scheme, secret)
          raise Misconfigured, "a secret is a #{secret.class}, not a String" unless secret.is_a?(String)
          raise Misconfigured, "a secret is empty" if secret.empty?

          scheme == :STANDARD_WEBHOOKS ? base64_key(secret) : secret.b
        end

        # The bytes of base64 whose padding may be missing; nil when it is none.
        def decode(text)
          digits = text[BASE64, 1]
          return if digits.nil? || digits.size % 4 == 1

          digits.unpack1("m")
        end
      end
    end
  end
end

# frozen_string_literal: true

require "openssl"

require "tenterhook/webhooks/headers"
require "tenterhook/webhooks/keys"
require "tenterhook/webhooks/placed_text"

module Tenterhook
  # A header, described by the same fields as in `signing.custom` of the webhook.
  #
  # `algorithm` is `:HMAC_SHA1`, `:HMAC_SHA256` or `:HMAC_SHA512`; `encoding` says how the header writes the signature,
  # `:HEX` or `:BASE64`; `key_encoding` how a secret holds the key, `:TEXT`, `:HEX` or `:BASE64`. `content` is what is
  # signed, with `{{id}}`, `{{timestamp}}`, `{{method}}`, `{{path}}` and `{{body}}`; `value` what the header says, with
  # `{{id}}`, `{{timestamp}}`, `{{method}}` and `{{signature}}`. Describe also a header that holds only the time or the
  # id, when another one signs it. Two places of `value` need something between them.
  CustomSignature = Struct.new(:header, :algorithm, :encoding, :key_encoding, :content, :value) do
    def initialize(header, algorithm: :HMAC_SHA256, encoding: :HEX, key_encoding: :TEXT, content: "{{body}}",
                   value: "{{signature}}")
      super(header, algorithm.to_s, encoding.to_s, key_encoding.to_s, content, value)
      freeze
    end
  end

  module Webhooks
    # Reads a description, and checks the header that it describes.
    # @api private
    class CustomCheck
      DIGESTS = {"HMAC_SHA1" => "SHA1", "HMAC_SHA256" => "SHA256", "HMAC_SHA512" => "SHA512"}.freeze
      ENCODINGS = %w[HEX BASE64].freeze
      KEY_ENCODINGS = %w[TEXT HEX BASE64].freeze
      IN_CONTENT = %w[id timestamp method path body].freeze
      IN_VALUE = %w[id timestamp method signature].freeze

      attr_reader :name, :content, :value

      def initialize(described)
        raise Misconfigured, "a custom signature names no header" if described.header.to_s.empty?

        require_known("algorithm", described.algorithm, DIGESTS.keys)
        require_known("encoding", described.encoding, ENCODINGS)
        require_known("key_encoding", described.key_encoding, KEY_ENCODINGS)
        @described = described
        @name = described.header.downcase
        content, value = or_default(described.content, "{{body}}"), or_default(described.value, "{{signature}}")
        @content = PlacedText.new(content, IN_CONTENT, "content of #{described.header}")
        @value = PlacedText.new(value, IN_VALUE, "value of #{described.header}")
        raise Misconfigured, "value of #{described.header}: two places need something between them" if @value.ambiguous?
      end

      # Whether the header has a signature.
      def signs? = @value.places.include?("signature")

      def keys(secrets) = secrets.map { |secret| key(secret) }

      # Adds what the header says to `said`, and returns its signature.
      def read(headers, said)
        signature = {}
        texts = @value.split(Headers.require(headers, @name).b)
        raise InvalidSignature, "the header #{@name} is not written as its value is described" if texts.nil?

        @value.places.zip(texts) do |place, text|
          known = place == "signature" ? signature : said
          if known.key?(place) && known[place] != text
            raise InvalidSignature, "the header #{@name} has another #{place} than the request"
          end

          known[place] = text
        end
        signature["signature"]
      end

      def matches?(parts, given, keys)
        return true unless signs?

        content = @content.fill(parts)
        # All are compared, so that the time says nothing of which is right.
        keys.map { |key| OpenSSL.secure_compare(sign(key, content), given) }.any?
      end

      private

      def or_default(text, default) = text.to_s.empty? ? default : text

      def require_known(field, value, known)
        return if known.include?(value)

        raise Misconfigured, "#{field} of a custom signature must be one of #{known.join(", ")}"
      end

      def sign(key, content)
        digest = OpenSSL::HMAC.digest(DIGESTS.fetch(@described.algorithm), key, content)
        @described.encoding == "HEX" ? digest.unpack1("H*") : [digest].pack("m0")
      end

      def key(secret)
        raise Misconfigured, "a secret is a #{secret.class}, not a String" unless secret.is_a?(String)

        key = case @described.key_encoding
              when "BASE64" then return Keys.base64_key(secret)
              when "TEXT" then secret.b
              else hexadecimal(secret)
              end
        raise Misconfigured, "a secret is empty" if key.empty?

        key
      end

      def hexadecimal(secret)
        return [secret].pack("H*") if secret.match?(/\A(?:[0-9A-Fa-f]{2})*\z/)

        raise Misconfigured, "a secret is not hexadecimal, as its key_encoding says"
      end
    end

    # Checks all the headers that a webhook describes.
    # @api private
    class CustomVerifier
      def initialize(signatures, secrets, path)
        # Not by `Array`, which takes a Struct apart.
        @checks = [signatures].flatten(1).map { |one| CustomCheck.new(one) }
        secrets = Array(secrets)
        raise Misconfigured, "no secret is given" if secrets.empty?

        @keys = @checks.map { |one| one.keys(secrets) }
        @path = path
        require_sources
      end

      def verify(headers, body, now, method, tolerance)
        found = Headers.read(headers, @checks.map(&:name))
        said = {"method" => method.b}
        given = @checks.map { |one| one.read(found, said) }
        Headers.require_time(said["timestamp"], now, tolerance, "the timestamp") if said.key?("timestamp")
        parts = said.merge("path" => @path.to_s.b, "body" => body.b)
        matches = @checks.zip(given, @keys).map { |one, signature, keys| one.matches?(parts, signature, keys) }
        return if matches.all?

        raise InvalidSignature, "no signature matches: the secret is another, or the body was changed"
      end

      private

      # Whether all that is signed can be had.
      def require_sources
        raise Misconfigured, "no custom signature has {{signature}} in its value" if @checks.none?(&:signs?)

        read = @checks.flat_map { |one| one.value.places }
        @checks.select(&:signs?).each do |one|
          missing = (one.content.places & %w[id timestamp]) - read
          unless missing.empty?
            raise Misconfigured,
                  "content of #{one.name} has {{#{missing.first}}}: describe the header that holds it too"
          end
          if one.content.places.include?("path") && @path.nil?
            raise Misconfigured, "content of #{one.name} has {{path}}: give the path of the request"
          end
        end
      end
    end
  end
end

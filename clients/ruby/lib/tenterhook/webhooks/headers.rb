# frozen_string_literal: true

module Tenterhook
  module Webhooks
    # Reads the headers that sign a request.
    # @api private
    module Headers
      NAMES = %w[webhook-id webhook-timestamp webhook-signature x-hook-signature x-hub-signature-256].freeze
      # Digits that a time in seconds has at most, leading zeros included.
      DIGITS_MAX = 15

      class << self
        # The headers of these names, which are in lower case. Rack has them in its environment as `HTTP_WEBHOOK_ID`.
        def read(headers, names = NAMES)
          spelled = names.to_h { |name| [name.tr("_", "-"), name] }
          headers.each.with_object({}) do |(given, value), found|
            plain = given.to_s.downcase.tr("_", "-")
            name = spelled[plain] || spelled[plain.delete_prefix("http-")]
            found[name] = value.is_a?(Array) ? value.join(", ") : value.to_s if name
          end
        end

        def require(headers, name)
          value = headers[name]
          raise InvalidSignature, "the header #{name} is missing" if value.nil? || value.empty?

          value
        end

        # That the time of signing is within `tolerance` of `now`; `what` is its name in errors.
        def require_time(digits, now, tolerance, what)
          unless digits.match?(/\A[0-9]{1,#{DIGITS_MAX}}\z/o)
            raise InvalidSignature, "#{what} is not a number of seconds"
          end
          return if (now.to_f - digits.to_i).abs <= tolerance

          raise InvalidSignature, "#{what} is too far from the receiver's clock"
        end
      end
    end
  end
end

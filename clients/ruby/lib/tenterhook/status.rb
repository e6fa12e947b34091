# frozen_string_literal: true

require "google/protobuf/well_known_types"
require "google/rpc/error_details_pb"
require "google/rpc/status_pb"
require "grpc"

require "tenterhook/errors"
require "tenterhook/v1/error_reason_pb"

module Tenterhook
  # Reads errors out of gRPC statuses and out of the acknowledgements of a stream.
  # @api private
  module Status
    CODES = GRPC::Core::StatusCodes.constants.to_h { |name| [GRPC::Core::StatusCodes.const_get(name), name] }.freeze
    DOMAIN = "tenterhook"
    # Characters of gRPC's own text that follow our words.
    TEXT_MAX = 300
    # How gRPC words what no further try can help, and what to do about it.
    PERMANENT = {
      /certificate.verify.failed|Hostname Verification Check failed/i =>
        "the server's certificate is not trusted, or is for another host: give its authority as `ca`",
      /wrong.version.number/i =>
        "the server does not speak TLS: begin the target with http:// if that is meant",
      /Trying to connect an http1.x server/ =>
        "the port does not speak gRPC: check it, and begin the target with https:// if the server speaks TLS",
      /Domain name not found|Name or service not known|nodename nor servname|No such host/ =>
        "there is no such host: check the target"
    }.freeze
    TYPES = {
      NOT_FOUND: NotFound, ALREADY_EXISTS: Conflict, ABORTED: Conflict, FAILED_PRECONDITION: Conflict,
      INVALID_ARGUMENT: Invalid, OUT_OF_RANGE: Invalid, UNAVAILABLE: Unavailable
    }.freeze

    class << self
      # @param status [GRPC::BadStatus]
      # @return [Error]
      def read(status)
        code = CODES.fetch(status.code, :UNKNOWN)
        message = text_of(status, code)
        permanent(code, message, status) ||
          TYPES.fetch(code, Error).new(code, message, **details(status.metadata["grpc-status-details-bin"]))
      end

      # @param refused [V1::PublishError]
      # @return [Error]
      def read_refused(refused)
        code = CODES.fetch(refused.code, :UNKNOWN)
        description = refused.message.delete_prefix("#{refused.field}: ")
        violations = refused.field.empty? ? [] : [FieldViolation.new(refused.field, description)]
        reason = reason(refused.reason.to_s)
        TYPES.fetch(code, Error).new(code, refused.message, reason: reason, field_violations: violations)
      end

      private

      def text_of(status, code)
        text = status.details.to_s
        text.empty? ? code.to_s : text
      end

      def permanent(code, message, status)
        return if code != :UNAVAILABLE

        whole = "#{message} #{status.debug_error_string}"
        _, advice = PERMANENT.find { |words, _| words.match?(whole) }
        Unavailable.new(code, "#{advice} (#{message[0, TEXT_MAX]})", permanent: true) if advice
      end

      # The reason by its full name; nil for one that this client does not know.
      def reason(name)
        short = name.delete_prefix("ERROR_REASON_")
        short.to_sym if short != "UNSPECIFIED" && V1::ErrorReason.resolve(:"ERROR_REASON_#{short}")
      end

      def details(encoded)
        return {} if encoded.nil?

        Google::Rpc::Status.decode(Array(encoded).first).details.each_with_object({}) { |any, found| add(any, found) }
      rescue Google::Protobuf::ParseError
        {}
      end

      def add(any, found)
        if (info = any.unpack(Google::Rpc::ErrorInfo))
          found.update(reason: reason(info.reason), metadata: info.metadata.to_h) if info.domain == DOMAIN
        elsif (bad = any.unpack(Google::Rpc::BadRequest))
          found[:field_violations] = bad.field_violations.map { |one| FieldViolation.new(one.field, one.description) }
        elsif (retry_info = any.unpack(Google::Rpc::RetryInfo))
          found[:retry_after] = retry_info.retry_delay.to_f
        end
      end
    end
  end
end

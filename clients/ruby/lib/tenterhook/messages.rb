# frozen_string_literal: true

require "google/protobuf"
require "google/protobuf/duration_pb"
require "google/protobuf/field_mask_pb"
require "google/protobuf/timestamp_pb"
require "json"
require "securerandom"

require "tenterhook/v1/event_pb"
require "tenterhook/v1/event_service_pb"

module Tenterhook
  # From native values to messages: hashes, JSON, times, durations.
  module Messages
    NANOS = 1_000_000_000
    # Levels of nesting that the server takes.
    DEPTH_MAX = 128
    ANY_NESTING = {max_nesting: 0}.freeze
    AS_IT_IS = :itself.to_proc
    private_constant :ANY_NESTING, :AS_IT_IS

    class << self
      # A message of native values: hashes become messages, whatever stands for a `JsonDocument` becomes JSON, a `Time`
      # becomes a timestamp, a number of seconds a duration, an array of names a field mask. nil leaves a field unset.
      def build(kind, fields)
        converters = converters_of(kind)
        values = {}
        fields.each do |name, value|
          name = name.to_sym
          converter = converters.fetch(name) { raise ArgumentError, "#{short(kind)} has no field #{name}" }
          values[name] = converter.equal?(AS_IT_IS) ? value : converter.call(value) unless value.nil?
        end
        kind.new(values)
      rescue TypeError, RangeError => error
        raise error.class, "#{short(kind)}: #{error.message}"
      end

      # An event from native values, or a copy of one; without an id it gets one.
      # @return [V1::Event]
      def event(value)
        made = value.is_a?(V1::Event) ? value.dup : build(V1::Event, value)
        identify_event(made)
      end

      # A request of its own, from a message or from fields.
      def request(kind, message, fields)
        return identify(build(kind, fields)) if message.nil?
        raise ArgumentError, "give a message or its fields, not both" unless fields.empty?

        # A copy of the message and of what is in it, so that ids are not written into the caller's.
        identify(kind.decode(kind.encode(message)))
      end

      # The value of a document that the server sent; nil when it is unset.
      def json_value(document)
        JSON.parse(document.json) unless document.nil? || document.json.empty?
      end

      # A JSON value as it is sent. Only what JSON has is taken, and what knows its JSON by `as_json`, as Rails' values
      # do; an error says where the rest stands.
      # @return [V1::JsonDocument]
      def json_document(value)
        V1::JsonDocument.new(json: JSON.generate(json?(value, 0) ? value : plain(value, "", 0), ANY_NESTING))
      end

      private

      # Gives events and requests an id if they have none, so that the server recognises a repeat.
      def identify(request)
        case request
        when V1::PublishEventRequest then identify_event(request.event) if request.event
        when V1::BatchPublishEventsRequest then request.events.each { |one| identify_event(one) }
        else request.request_id = SecureRandom.uuid if request.respond_to?(:request_id) && request.request_id.empty?
        end
        request
      end

      def identify_event(event)
        event.id = SecureRandom.hex if event.id.empty?
        event
      end

      # Whether the value is written as it is. Most are, and need no copy; what is not may be JSON all the same.
      def json?(value, depth)
        case value
        when String then text?(value)
        when Symbol then unicode?(value)
        when Hash then depth < DEPTH_MAX && members?(value, depth)
        when Array then depth < DEPTH_MAX && value.instance_of?(Array) && value.all? { |one| json?(one, depth + 1) }
        when Float then value.finite?
        when Integer, nil, true, false then true
        else false
        end
      end

      def text?(value) = value.instance_of?(String) && unicode?(value) && value.valid_encoding?

      def unicode?(text) = text.encoding == Encoding::UTF_8 || text.encoding == Encoding::US_ASCII

      # Names are all texts or all symbols, so that none is there twice.
      def members?(hash, depth)
        return false if !hash.instance_of?(Hash) || hash.compare_by_identity?

        kind = nil
        hash.each do |name, inside|
          kind ||= name.class
          return false unless name.instance_of?(kind) && (kind == Symbol || kind == String)
          return false unless json?(name, depth) && json?(inside, depth + 1)
        end
        true
      end

      # The value as JSON has it; `path` is where it stands in what was given.
      def plain(value, path, depth)
        if depth > DEPTH_MAX
          raise ArgumentError, "the value is nested more than #{DEPTH_MAX} levels deep, or contains itself"
        end

        case value
        when nil, true, false then value
        when Numeric then number(value, path)
        when String, Symbol then text(value.to_s, path)
        when Hash then members(value, path, depth)
        when Array then value.each_with_index.map { |inside, index| plain(inside, "#{path}[#{index}]", depth + 1) }
        else known(value, path, depth)
        end
      end

      def number(value, path)
        raise RangeError, "#{named(path)} is #{value}, which JSON has no number for" unless value.finite?

        value.is_a?(Integer) || value.is_a?(Float) ? value : known(value, path, 0)
      end

      def text(value, path)
        made = value.encoding == Encoding::BINARY ? value.dup.force_encoding(Encoding::UTF_8) : value
        return made if made.valid_encoding?

        raise ArgumentError, "#{named(path)} is not UTF-8: give bytes as base64, by [bytes].pack(\"m0\")"
      end

      def members(hash, path, depth)
        hash.each_with_object({}) do |(key, inside), made|
          unless key.is_a?(String) || key.is_a?(Symbol) || key.is_a?(Integer)
            raise TypeError, "a key of #{named(path)} is #{key.inspect}: the names of members are texts"
          end

          name = text(key.to_s, path)
          raise ArgumentError, "#{named(path)} has the member #{name} twice" if made.key?(name)

          made[name] = plain(inside, path.empty? ? name : "#{path}.#{name}", depth + 1)
        end
      end

      # What knows its JSON.
      def known(value, path, depth)
        return plain(value.as_json, path, depth + 1) if value.respond_to?(:as_json)

        raise TypeError, "#{named(path)} is of type #{value.class}, which JSON does not have"
      end

      def named(path) = path.empty? ? "the value" : path

      # What makes the value of each field.
      def converters_of(kind)
        @converters ||= {}
        @converters[kind] ||= kind.descriptor.to_h { |field| [field.name.to_sym, converter(field)] }
      end

      def converter(field)
        return enum_converter(field) if field.type == :enum
        return ->(value) { value.is_a?(Symbol) ? value.to_s : value } if field.type == :string && !repeated?(field)
        return repeated?(field) ? ->(values) { list(field, values) } : AS_IT_IS if field.type != :message
        return ->(value) { value.to_h { |name, inside| [name.to_s, inside] } } if map?(field)

        one = ->(value) { message(field, value) }
        repeated?(field) ? ->(values) { list(field, values).map(&one) } : one
      end

      def enum_converter(field)
        # `SignatureScheme` names its values `SIGNATURE_SCHEME_…`; they may be named without that.
        prefix = "#{field.subtype.name.rpartition(".").last.gsub(/(?<=.)(?=[A-Z])/, "_").upcase}_"
        one = ->(value) { enum_value(field, prefix, value) }
        repeated?(field) ? ->(values) { list(field, values).map(&one) } : one
      end

      def enum_value(field, prefix, value)
        return value unless value.is_a?(String) || value.is_a?(Symbol)

        known = [value.to_sym, :"#{prefix}#{value}"].find { |name| field.subtype.lookup_name(name) }
        return known if known

        raise RangeError, "#{field.name}: #{value} is none of #{field.subtype.map { |name, _| name }.join(", ")}"
      end

      # `repeated?` came with google-protobuf 4.31; `label` is on its way out.
      def repeated?(field) = field.respond_to?(:repeated?) ? field.repeated? : field.label == :repeated

      def map?(field)
        repeated?(field) && field.subtype.name.end_with?("Entry") && !field.subtype.lookup("key").nil?
      end

      def list(field, values)
        raise TypeError, "#{field.name} takes a list" unless values.respond_to?(:to_ary)

        values.to_ary
      end

      def message(field, value)
        kind = field.subtype.msgclass
        return value if value.is_a?(kind)
        return json_document(value) if kind == V1::JsonDocument

        native(kind, value) || raise(TypeError, "#{field.name} cannot be made of a #{value.class}")
      end

      def native(kind, value)
        case kind.descriptor.name
        when "google.protobuf.Timestamp"
          return timestamp(value) if value.is_a?(Time) || value.respond_to?(:to_time)
        when "google.protobuf.Duration" then return duration(value) if !value.is_a?(Hash) && value.respond_to?(:to_r)
        when "google.protobuf.FieldMask"
          return Google::Protobuf::FieldMask.new(paths: value.map(&:to_s)) if value.respond_to?(:to_ary)
        end
        build(kind, value) if value.is_a?(Hash)
      end

      def timestamp(value)
        time = value.is_a?(Time) ? value : value.to_time
        Google::Protobuf::Timestamp.new(seconds: time.to_i, nanos: time.nsec)
      end

      def duration(value)
        seconds, rest = value.to_r.divmod(1)
        Google::Protobuf::Duration.new(seconds: seconds, nanos: (rest * NANOS).to_i)
      end

      def short(kind) = kind.name.rpartition("::").last
    end
  end
end

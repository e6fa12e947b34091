# frozen_string_literal: true

module Tenterhook
  module Webhooks
    # A text with places such as `{{body}}`.
    # @api private
    class PlacedText
      PLACE = /\{\{(.*?)\}\}/m

      # @return [Array<String>] the names of the places, in order
      attr_reader :places

      # @param known [Array<String>] the places that it may have
      # @param where [String] for errors
      def initialize(text, known, where)
        # With a group, what is between the literals stays; with a limit, an empty literal at the end does.
        pieces = text.split(PLACE, -1)
        pieces = [""] if pieces.empty?
        literals, names = pieces.partition.with_index { |_, index| index.even? }
        @literals = literals.map(&:b)
        @places = names.map(&:strip)
        return if (@places - known).empty? && @literals.none? { |literal| literal.include?("{{") }

        allowed = known.map { |name| "{{#{name}}}" }.join(", ")
        raise Misconfigured, "#{where}: a place is unknown or does not end; it may have #{allowed}"
      end

      # Whether there is nothing between two places, so that nobody can say where the first ends.
      def ambiguous? = @literals[1..-2].to_a.any?(&:empty?)

      # The text with what belongs at its places.
      def fill(parts)
        @literals.zip(@places).map { |literal, place| place ? literal + parts.fetch(place) : literal }.join
      end

      # What is at the places of `text`: each ends where the literal after it first is, the last one at the end. nil if
      # the text is written otherwise. It takes time in proportion to the text, whoever wrote it.
      def split(text)
        first, *middle, last = @literals
        return text == first ? [] : nil if last.nil?
        return unless text.start_with?(first) && text.bytesize >= first.bytesize + last.bytesize && text.end_with?(last)

        rest = text.byteslice(first.bytesize, text.bytesize - first.bytesize - last.bytesize)
        found = middle.map do |literal|
          before, separator, rest = rest.partition(literal)
          return nil if separator.empty?

          before
        end
        [*found, rest]
      end
    end
  end
end

# frozen_string_literal: true

module Tenterhook
  # The items of a list; each page is asked for when its first item is.
  class Pages
    include Enumerable

    # @return [String] of a list of deliveries, when a page was read: starts a watch that misses no later change
    attr_reader :resume_token

    # @api private
    def initialize(items, fields, &call)
      @items = items
      @fields = fields
      @call = call
      @resume_token = ""
    end

    def each(&block)
      return enum_for(:each) unless block

      token = @fields.fetch(:page_token, "")
      loop do
        response = @call.call(@fields.merge(page_token: token))
        note(response)
        response[@items].each(&block)
        token = response.next_page_token
        return self if token.empty?
      end
    end

    private

    def note(response)
      token = response.respond_to?(:resume_token) ? response.resume_token : ""
      @resume_token = token unless token.empty?
    end
  end
end

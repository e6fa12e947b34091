# frozen_string_literal: true

require "tenterhook/messages"
require "tenterhook/rpc"

module Tenterhook
  # The methods of one service; the generated classes of `V1` have one for each call. Each takes a message, or the
  # fields of one as keywords with native values, and `timeout` in seconds, its retries included.
  # @api private
  class Calls
    def initialize(caller)
      @caller = caller
    end

    private

    def call(rpc, message, timeout, fields)
      @caller.call(rpc, Messages.request(rpc.request, message, fields.compact), timeout: timeout)
    end
  end
end

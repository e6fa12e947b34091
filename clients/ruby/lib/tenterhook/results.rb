# frozen_string_literal: true

module Tenterhook
  # One change of a delivery, and the token that resumes right after it. A block may take them apart:
  # `watch.each { |change, token| … }`.
  WatchItem = Struct.new(:change, :token) do
    alias_method :to_ary, :to_a
  end

  # What became of one event of a stream: `result`, or `error` if it was refused. `sequence` is the event's position in
  # the stream, from 0.
  Ack = Struct.new(:sequence, :result, :error)

  # Whether a watch is connected. If not, `error` says why and `retry_in` in how many seconds it tries again.
  Connectivity = Struct.new(:connected, :error, :retry_in) do
    alias_method :connected?, :connected
  end
end

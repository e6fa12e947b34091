# frozen_string_literal: true

module Tenterhook
  VERSION = "0.1.0"
end

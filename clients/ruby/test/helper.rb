# frozen_string_literal: true

require "minitest/autorun"
require "timeout"

require "tenterhook"
require "tenterhook/client"

ROOT = File.expand_path("../../..", __dir__)

require "checks"

# What is logged on the way is looked at by the tests that are about it.
Tenterhook.logger = Logger.new(nil)

# frozen_string_literal: true

# Runs every test of this folder, and that of an example.

# It loads Bundler, which must come before the libraries of Debian's Rails.
require "rbs"
Dir[File.join(__dir__, "{.,../examples}/test_*.rb")].sort.each { |path| require path }

# frozen_string_literal: true

# Runs every test of this folder.
Dir[File.join(__dir__, "test_*.rb")].sort.each { |path| require path }

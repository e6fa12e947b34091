# frozen_string_literal: true

# Runs every test of this folder, and that of an example.
Dir[File.join(__dir__, "{.,../examples}/test_*.rb")].sort.each { |path| require path }

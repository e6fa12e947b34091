# frozen_string_literal: true

require_relative "lib/tenterhook/version"

Gem::Specification.new do |spec|
  spec.name = "tenterhook"
  spec.version = Tenterhook::VERSION
  spec.summary = "Client of the Tenterhook webhook delivery service"
  spec.description = "Publishes events, manages webhooks, watches deliveries, and verifies what was delivered."
  spec.authors = ["The Tenterhook authors"]
  spec.license = "Apache-2.0"
  spec.homepage = "https://github.com/tenterhook/tenterhook/tree/main/clients/ruby"
  spec.metadata = {
    "bug_tracker_uri" => "https://github.com/tenterhook/tenterhook/issues",
    "changelog_uri" => "https://github.com/tenterhook/tenterhook/blob/main/CHANGELOG.md",
    "documentation_uri" => spec.homepage,
    "source_code_uri" => "https://github.com/tenterhook/tenterhook",
    "rubygems_mfa_required" => "true"
  }
  spec.files = Dir.chdir(__dir__) { Dir["lib/**/*.rb", "sig/*.rbs", "examples/*.rb", "README.md", "LICENSE"].sort }
  spec.required_ruby_version = ">= 3.1"
  spec.add_dependency "google-protobuf", ">= 3.21", "< 5"
  spec.add_dependency "googleapis-common-protos-types", ">= 1.4", "< 2"
  spec.add_dependency "grpc", ">= 1.51", "< 2"
  spec.add_dependency "logger", ">= 1.4", "< 2"
end

# frozen_string_literal: true

require "helper"
require "rbs"
require "tenterhook/testing"

# What `sig/` says is there, with those parameters; RBS comes with Ruby.
class TestSignatures < Minitest::Test
  FOLDER = File.expand_path("../sig", __dir__)

  # Loaded once: it reads the types of Ruby too.
  def self.environment
    @environment ||= begin
      loader = RBS::EnvironmentLoader.new
      loader.add(path: Pathname(FOLDER))
      RBS::Environment.from_loader(loader).resolve_type_names
    end
  end

  def setup
    @builder = RBS::DefinitionBuilder.new(env: self.class.environment)
  end

  def ours = self.class.environment.class_decls.keys.select { |name| name.to_s.start_with?("::Tenterhook") }

  # The methods of our own that are said, with their owner and whether they are of its instances.
  def said
    ours.flat_map do |name|
      owner = Object.const_get(name.to_s)
      both = {true => @builder.build_instance(name), false => @builder.build_singleton(name)}
      both.flat_map do |of_instance, definition|
        mine = definition.methods.select { |_, method| method.defs.any? { |one| one.implemented_in == name } }
        mine.map { |method_name, method| [owner, of_instance, method_name, method] }
      end
    end
  end

  def implementation(owner, of_instance, name)
    return owner.instance_method(:initialize) if name == :new && owner.is_a?(Class) && !of_instance

    of_instance ? owner.instance_method(name) : owner.method(name)
  end

  def test_every_method_is_there_and_takes_the_keywords_that_are_said
    found = said
    assert_operator found.size, :>, 100
    found.each do |owner, of_instance, name, method|
      taken = implementation(owner, of_instance, name).parameters
      next if taken.any? { |kind, _| kind == :keyrest } || owner < Struct

      known = taken.filter_map { |kind, keyword| keyword if %i[key keyreq].include?(kind) }
      keywords = method.method_types.flat_map do |type|
        type.type.required_keywords.keys + type.type.optional_keywords.keys
      end
      assert_empty keywords - known, "#{owner}##{name}"
    end
  end

  def test_every_error_is_said
    names = ours.map { |name| name.to_s.delete_prefix("::") }
    classes = Tenterhook.constants.map { |name| Tenterhook.const_get(name) }.grep(Class)
    errors = classes.select { |one| one < StandardError && one.name != "Tenterhook::EventSource::Broken" }
    assert_empty errors.map(&:name) - names
  end
end

# frozen_string_literal: true

module Tenterhook
  # An API key that is read from a file for each call, so that a new key needs no restart. While the file cannot be
  # read, the last key is used.
  class ApiKeyFile
    def initialize(path)
      @path = path
      @key = read
      raise ArgumentError, "the API key file #{path} is empty" if @key.empty?
    end

    # @return [String] the key
    def call
      fresh = read
      @key = fresh unless fresh.empty?
      @key
    rescue SystemCallError
      @key
    end

    private

    def read = File.read(@path).strip
  end

  # Settings of a client that come from its environment; the variables are the same in every language.
  # @api private
  class Environment
    FILES = {ca: "TENTERHOOK_CA", client_cert: "TENTERHOOK_CLIENT_CERT", client_key: "TENTERHOOK_CLIENT_KEY"}.freeze

    def initialize(variables)
      @variables = variables
      @wrong = []
    end

    # The target and the settings of a client. A variable that is empty counts as unset.
    #
    # @raise [ArgumentError] that names every variable at fault
    def read
      target = given("TENTERHOOK_ADDRESS")
      @wrong << "TENTERHOOK_ADDRESS is not set: give it host:port" if target.nil?
      settings = {api_key: api_key, namespace: given("TENTERHOOK_NAMESPACE"), **pems}.compact
      raise ArgumentError, @wrong.join("; ") unless @wrong.empty?

      [target, settings]
    end

    private

    def given(name)
      value = @variables.fetch(name, "").strip
      value unless value.empty?
    end

    def api_key
      key, file = given("TENTERHOOK_API_KEY"), given("TENTERHOOK_API_KEY_FILE")
      if key && file
        @wrong << "TENTERHOOK_API_KEY and TENTERHOOK_API_KEY_FILE are both set: unset one"
        return
      end
      file ? use("TENTERHOOK_API_KEY_FILE") { |path| ApiKeyFile.new(path) } : key
    end

    def pems
      made = FILES.filter_map { |setting, name| [setting, use(name) { |path| File.read(path) }] if given(name) }.to_h
      if given("TENTERHOOK_CLIENT_CERT").nil? != given("TENTERHOOK_CLIENT_KEY").nil?
        @wrong << "TENTERHOOK_CLIENT_CERT and TENTERHOOK_CLIENT_KEY belong together: set both"
      end
      made
    end

    def use(name)
      yield given(name)
    rescue SystemCallError => error
      @wrong << "#{name}: cannot read #{given(name)}: #{error.message.split(" @ ").first}"
      nil
    rescue ArgumentError => error
      @wrong << "#{name}: #{error.message}"
      nil
    end
  end
end

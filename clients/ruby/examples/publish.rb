# frozen_string_literal: true

# A service that tells what happens to its sites.
#
# `ruby publish.rb [TARGET] [RECEIVER_URL] [SECRET] [REVISION]`

require "tenterhook"

Site = Struct.new(:id, :name, :revision)

# What the service is about; it has one client for its whole life.
class Sites
  def initialize(client)
    @client = client
  end

  def save(site)
    # The id names what happened, so that telling it twice makes no second event.
    result = @client.publish(
      "updated",
      id: "site-#{site.id}-#{site.revision}",
      object_type: "dcim.site",
      data: site.to_h,
      ordering_key: "site-#{site.id}"
    )
    puts "#{result.event_id} #{result.duplicate ? "known" : "new"}"
  end
end

# Makes the webhook, unless an earlier run did.
def subscribe(client, url, secret)
  client.create_webhook(
    {
      display_name: "sites",
      request: {url: url},
      rules: [{object_types: ["dcim.site"]}],
      signing: {schemes: [:STANDARD_WEBHOOKS]}
    },
    signing_secret: secret
  )
rescue Tenterhook::Conflict => error
  warn "the webhook is there: #{error.metadata["webhook_id"]}"
end

if $PROGRAM_NAME == __FILE__
  target = ARGV.fetch(0, "localhost:50051")
  url = ARGV.fetch(1, "http://127.0.0.1:9000/hook")
  secret = ARGV.fetch(2, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
  revision = Integer(ARGV.fetch(3, "1"))

  Tenterhook::Client.open(target) do |client|
    subscribe(client, url, secret)
    sites = Sites.new(client)
    %w[Zürich Genève Lugano].each_with_index { |name, number| sites.save(Site.new(number, name, revision)) }
  end
end

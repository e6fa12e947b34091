# frozen_string_literal: true

# Follows what becomes of every delivery, and goes on where it stopped when it is started again.
#
# `ruby watch.rb [TARGET] [TOKEN_FILE]`

require "tenterhook"

$stdout.sync = true

def follow(client, place)
  client.watch(checkpoint: Tenterhook::FileCheckpoint.new(place), position: :EARLIEST) do |watch|
    watch.each do |change, _token|
      # What this does not finish comes again after a crash.
      puts "#{change.delivery.event_id} #{change.delivery.state}"
    end
  end
end

Tenterhook::Client.open(ARGV.fetch(0, "localhost:50051")) do |client|
  follow(client, ARGV.fetch(1, "deliveries.token"))
rescue Tenterhook::Invalid => error
  # Too long away: what was missed is in the list of deliveries.
  abort "the token is no longer kept: #{error.message}"
end

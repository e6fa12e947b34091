# frozen_string_literal: true

# Follows what becomes of every delivery, and goes on where it stopped when it is started again.
#
# `ruby watch.rb [TARGET] [TOKEN_FILE]`

require "tenterhook"

$stdout.sync = true

# All of it or nothing, also over a crash of the machine.
def store(place, token)
  File.open("#{place}.new", "w") do |file|
    file.write(token)
    file.fsync # it is on the disk before it takes the place of the one before
  end
  File.rename("#{place}.new", place)
end

def follow(client, place)
  start = File.exist?(place) ? {resume_token: File.read(place)} : {position: :WATCH_POSITION_EARLIEST}
  client.watch(**start) do |watch|
    watch.each do |change, token|
      puts "#{change.delivery.event_id} #{change.delivery.state}"
      # Only now: what was not acted on comes again after a crash.
      store(place, token)
    end
  end
end

Tenterhook::Client.open(ARGV.fetch(0, "localhost:50051")) do |client|
  follow(client, ARGV.fetch(1, "deliveries.token"))
rescue Tenterhook::Invalid => error
  # Too long away: what was missed is in the list of deliveries.
  abort "the token is no longer kept: #{error.message}"
end

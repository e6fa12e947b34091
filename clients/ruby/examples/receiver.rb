# frozen_string_literal: true

# Receives webhooks and verifies them, with nothing but Ruby's own sockets: `ruby receiver.rb SECRET [PORT]`. A program
# of yours has a web server; see `Tenterhook::Rack`.

require "socket"
require "tenterhook"

$stdout.sync = true

# One request: its headers by their names in lower case, and its body.
def read(socket)
  headers = {}
  socket.gets
  while (line = socket.gets&.chomp) && !line.empty?
    name, _, value = line.partition(":")
    headers[name.downcase] = value.strip
  end
  [headers, socket.read(headers.fetch("content-length", "0").to_i)]
end

# The status of the response.
def receive(headers, body, secret)
  Tenterhook::Webhooks.verify(headers, body, secret)
  puts "received #{headers["webhook-id"]} #{body.force_encoding(Encoding::UTF_8)}"
  "204 No Content"
rescue Tenterhook::InvalidSignature => error
  puts "refused: #{error.message}"
  "401 Unauthorized"
end

secret = ARGV.fetch(0) { abort "ruby receiver.rb SECRET [PORT]" }
server = TCPServer.new("127.0.0.1", Integer(ARGV.fetch(1, "9000")))
puts "listening on http://127.0.0.1:#{server.addr[1]}"
trap("TERM") { exit }
loop do
  Thread.new(server.accept) do |socket|
    status = receive(*read(socket), secret)
    socket.write("HTTP/1.1 #{status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
  ensure
    socket.close
  end
end

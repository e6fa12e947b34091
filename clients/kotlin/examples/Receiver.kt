package receiver

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import io.tenterhook.kotlin.Receiver
import java.net.InetAddress
import java.net.InetSocketAddress
import kotlinx.coroutines.runBlocking

/** Receives webhooks and verifies them: `receiver SECRET [PORT]`. */
fun main(arguments: Array<String>) {
    require(arguments.isNotEmpty()) { "usage: receiver SECRET [PORT]" }
    val port = arguments.getOrElse(1) { "9000" }.toInt()
    val receiver = Receiver(arguments[0]) { event -> println("received ${event.id} ${event.raw.decodeToString()}") }
    val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0)
    server.createContext("/hook") { exchange -> answer(receiver, exchange) }
    server.start()
    println("listening on http://127.0.0.1:${server.address.port}")
}

private fun answer(receiver: Receiver, exchange: HttpExchange) = exchange.use {
    val body = exchange.requestBody.readAllBytes()
    val status = runBlocking { receiver.receive(exchange.requestHeaders::getFirst, body) }
    exchange.sendResponseHeaders(status, -1)
}

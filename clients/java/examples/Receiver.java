import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.tenterhook.InvalidSignatureException;
import io.tenterhook.Verifier;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/** Receives webhooks and verifies them: {@code java -cp CLASSPATH examples/Receiver.java SECRET [PORT]}. */
public final class Receiver {
  public static void main(String[] arguments) throws IOException {
    if (arguments.length == 0) {
      throw new IllegalArgumentException("usage: Receiver SECRET [PORT]");
    }
    int port = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 9000;
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.createContext("/hook", exchange -> receive(exchange, arguments[0]));
    server.start();
    System.out.println("listening on http://127.0.0.1:" + server.getAddress().getPort());
  }

  private static void receive(HttpExchange exchange, String secret) throws IOException {
    byte[] body = exchange.getRequestBody().readAllBytes();
    try {
      Verifier.verify(exchange.getRequestHeaders()::getFirst, body, secret);
      String id = exchange.getRequestHeaders().getFirst("webhook-id");
      System.out.println("received " + id + " " + new String(body, StandardCharsets.UTF_8));
      exchange.sendResponseHeaders(204, -1);
    } catch (InvalidSignatureException reason) {
      System.out.println("refused: " + reason.getMessage());
      exchange.sendResponseHeaders(401, -1);
    }
  }
}

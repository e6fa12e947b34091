package io.tenterhook;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.TlsChannelCredentials;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Makes a {@link Client} with options. */
public final class ClientBuilder {
  private static final Pattern TARGET =
      Pattern.compile("(?:(https?)://)?(\\[[0-9a-fA-F:.]+]|[^/:@?#\\s]+)(?::([0-9]{1,5}))?/?");
  private static final Pattern LOCAL = Pattern.compile("localhost|\\[::1]|127(?:\\.[0-9]{1,3}){3}");
  /** 64 MiB: a page of full deliveries may be larger than gRPC's default of 4 MiB. */
  private static final int MAX_RECEIVE_BYTES = 64 << 20;

  private final String target;
  private @Nullable Supplier<String> apiKey;
  private String namespace = "";
  private @Nullable Duration timeout;
  private RetryPolicy retry = RetryPolicy.DEFAULT;
  private Supplier<Map<String, String>> headers = Map::of;
  private List<ClientInterceptor> interceptors = List.of();
  private byte @Nullable [] ca;
  private byte @Nullable [] certificate;
  private byte @Nullable [] key;

  ClientBuilder(String target) {
    this.target = target;
  }

  /** Sends the key with each call. */
  public ClientBuilder apiKey(String apiKey) {
    this.apiKey = apiKey.isEmpty() ? null : () -> apiKey;
    return this;
  }

  /** Asks for the key at each call, for example an {@link ApiKeyFile}. */
  public ClientBuilder apiKey(Supplier<String> apiKey) {
    this.apiKey = apiKey;
    return this;
  }

  /** Is used by the methods of the client where a call names no namespace. */
  public ClientBuilder namespace(String namespace) {
    this.namespace = namespace;
    return this;
  }

  /**
   * Time for one call, its retries included; 10 seconds unless set, and 70 for TestWebhook, which takes as long as an
   * attempt.
   */
  public ClientBuilder timeout(Duration timeout) {
    this.timeout = timeout;
    return this;
  }

  /** When failed calls are tried again. */
  public ClientBuilder retry(RetryPolicy retry) {
    this.retry = retry;
    return this;
  }

  /** PEM certificates to trust instead of the system's; implies TLS. */
  public ClientBuilder ca(byte[] pem) {
    this.ca = pem.clone();
    return this;
  }

  /** PEM certificate chain and private key to show to the server (mTLS); implies TLS. */
  public ClientBuilder identity(byte[] certificatePem, byte[] keyPem) {
    this.certificate = certificatePem.clone();
    this.key = keyPem.clone();
    return this;
  }

  /** Is called for each call and gives further headers. */
  public ClientBuilder headers(Supplier<Map<String, String>> headers) {
    this.headers = headers;
    return this;
  }

  /**
   * Interceptors of every try of every call, stream and watch, the first outermost, for example those of OpenTelemetry.
   * They see neither the key nor the headers of {@link #headers}, and cannot take them away.
   */
  public ClientBuilder interceptors(ClientInterceptor... interceptors) {
    this.interceptors = List.of(interceptors);
    return this;
  }

  /**
   * Makes the client.
   *
   * @throws IllegalArgumentException for a bad target or certificate, and when a key would be sent to
   *     another machine without TLS
   */
  public Client build() {
    Matcher parts = TARGET.matcher(target);
    if (!parts.matches() || parts.group(1) == null && parts.group(3) == null) {
      throw new IllegalArgumentException("the target '" + target + "' is not host:port");
    }
    boolean local = LOCAL.matcher(parts.group(2)).matches();
    boolean wantsTls = ca != null || certificate != null || "https".equals(parts.group(1)) || !local;
    boolean secure = wantsTls && !"http".equals(parts.group(1));
    if (!secure && !local && apiKey != null) {
      throw new IllegalArgumentException("an API key is not sent without TLS to another machine");
    }
    ChannelCredentials credentials = secure ? tls() : InsecureChannelCredentials.create();
    String port = parts.group(3) != null ? parts.group(3) : secure ? "443" : "80";
    String address = parts.group(2) + ":" + port;
    Supplier<ManagedChannel> connect = () -> Grpc.newChannelBuilder(address, credentials)
        .maxInboundMessageSize(MAX_RECEIVE_BYTES)
        // A connection that a firewall forgot is noticed while calls wait on it.
        .keepAliveTime(30, TimeUnit.SECONDS)
        .keepAliveTimeout(10, TimeUnit.SECONDS)
        .disableRetry()
        .build();
    ClientInterceptor added = new Headers(apiKey, headers);
    List<ClientInterceptor> own = interceptors;
    UnaryOperator<Channel> intercept =
        channel -> ClientInterceptors.interceptForward(ClientInterceptors.intercept(channel, added), own);
    Caller caller = Caller.of(connect, intercept, timeout, retry);
    return new Client(caller, namespace);
  }

  private ChannelCredentials tls() {
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    try {
      if (ca != null) {
        tls.trustManager(new ByteArrayInputStream(ca));
      }
      if (certificate != null) {
        tls.keyManager(new ByteArrayInputStream(certificate), new ByteArrayInputStream(key));
      }
    } catch (IOException unreadable) {
      throw new IllegalArgumentException("a certificate or key is not PEM", unreadable);
    }
    return tls.build();
  }

  /** Adds the key and the program's own headers to each call. */
  private record Headers(Supplier<String> apiKey, Supplier<Map<String, String>> further) implements ClientInterceptor {
    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
      return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
        @Override
        public void start(Listener<R> listener, Metadata metadata) {
          if (apiKey != null) {
            metadata.put(name("authorization"), "Bearer " + apiKey.get().strip());
          }
          further.get().forEach((name, value) -> metadata.put(name(name), value));
          super.start(listener, metadata);
        }
      };
    }

    private static Metadata.Key<String> name(String name) {
      return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
    }
  }
}

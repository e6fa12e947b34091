package io.tenterhook;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.tenterhook.v1.ErrorReason;
import io.tenterhook.v1.PublishError;
import java.io.Serializable;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A call that failed. */
public class TenterhookException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final String DOMAIN = "tenterhook";
  private static final String NO_TLS =
      "the server does not speak TLS: begin the target with http:// if that is meant";
  private static final String NO_GRPC =
      "the port does not speak gRPC: check it, and begin the target with https:// if the server speaks TLS";
  /** What Netty says, as INTERNAL, of first bytes that are {@code HTTP/} and no HTTP/2. */
  private static final String HTTP_1 = "Hex dump for first 5 bytes: 485454502f";
  private static final String PREFIX = "ERROR_REASON_";

  /** One field at fault: its path in the request, and what is wrong with it. */
  public record FieldViolation(String field, String description) implements Serializable {}

  /** There is no such webhook, event, delivery or key. */
  public static final class NotFound extends TenterhookException {
    private static final long serialVersionUID = 1L;

    NotFound(Details details) {
      super(details);
    }
  }

  /** The thing exists already, was changed by somebody else, or its state forbids the call. */
  public static final class Conflict extends TenterhookException {
    private static final long serialVersionUID = 1L;

    Conflict(Details details) {
      super(details);
    }
  }

  /** The request is wrong; the field violations say where. */
  public static final class Invalid extends TenterhookException {
    private static final long serialVersionUID = 1L;

    Invalid(Details details) {
      super(details);
    }
  }

  /** The server cannot be reached, or is stopping. The call may be repeated. */
  public static final class Unavailable extends TenterhookException {
    private static final long serialVersionUID = 1L;

    Unavailable(Details details) {
      super(details);
    }
  }

  /** The client was closed before the call, or while it was in flight. */
  public static final class Closed extends TenterhookException {
    private static final long serialVersionUID = 1L;

    Closed() {
      super(Details.of(Status.Code.CANCELLED, "the client is closed"));
    }
  }

  /** All that is known of a failure; no {@code retryAfter} is null, for an Optional cannot be serialised. */
  record Details(
      Status.Code code,
      String message,
      ErrorReason reason,
      List<FieldViolation> fieldViolations,
      @Nullable Duration retryAfter,
      Map<String, String> metadata,
      boolean permanent)
      implements Serializable {

    static Details of(Status.Code code, String message) {
      return new Details(code, message, ErrorReason.ERROR_REASON_UNSPECIFIED, List.of(), null, Map.of(), false);
    }

    String text() {
      StringBuilder text = new StringBuilder(code.name());
      if (reason != ErrorReason.ERROR_REASON_UNSPECIFIED) {
        text.append(' ').append(nameOf(reason));
      }
      return text.append(": ").append(message).toString();
    }
  }

  private final Details details;

  TenterhookException(Details details) {
    super(details.text());
    this.details = details;
  }

  /** The gRPC code. */
  public Status.Code code() {
    return details.code();
  }

  /** The server's reason; unspecified when it gave none, as for errors of the transport. */
  public ErrorReason reason() {
    return details.reason();
  }

  /** The reason without its prefix, such as {@code ETAG_MISMATCH}; empty when there is none. */
  public String reasonName() {
    return nameOf(details.reason());
  }

  /** Every field at fault. */
  public List<FieldViolation> fieldViolations() {
    return details.fieldViolations();
  }

  /** The wait after which the call may succeed, if the server told one. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(details.retryAfter());
  }

  /** What belongs to the reason. */
  public Map<String, String> metadata() {
    return details.metadata();
  }

  /**
   * Whether trying again will not help, because the client is set up wrongly: the server's certificate is not
   * trusted, it speaks no TLS, the port speaks no gRPC, or there is no such host.
   */
  public boolean isPermanent() {
    return details.permanent();
  }

  /** Reads whatever a gRPC call threw, {@code google.rpc} details included. */
  public static TenterhookException of(Throwable thrown) {
    if (thrown instanceof TenterhookException known) {
      return known;
    }
    Status status = Status.fromThrowable(thrown);
    Status.Code code = codeOf(status);
    String advice = code == Status.Code.UNAVAILABLE ? advice(status.getCause()) : "";
    String message = withDetail(advice, status);
    ErrorReason reason = ErrorReason.ERROR_REASON_UNSPECIFIED;
    Map<String, String> metadata = Map.of();
    List<FieldViolation> violations = new ArrayList<>();
    Duration retryAfter = null;
    com.google.rpc.Status full = StatusProto.fromThrowable(thrown);
    for (Any detail : full == null ? List.<Any>of() : full.getDetailsList()) {
      try {
        if (detail.is(ErrorInfo.class)) {
          ErrorInfo info = detail.unpack(ErrorInfo.class);
          if (info.getDomain().equals(DOMAIN)) {
            reason = reasonOf(info.getReason());
            metadata = Map.copyOf(info.getMetadataMap());
          }
        } else if (detail.is(BadRequest.class)) {
          detail.unpack(BadRequest.class).getFieldViolationsList()
              .forEach(one -> violations.add(new FieldViolation(one.getField(), one.getDescription())));
        } else if (detail.is(RetryInfo.class)) {
          com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        }
      } catch (InvalidProtocolBufferException broken) {
        continue; // a detail that cannot be read tells nothing
      }
    }
    List<FieldViolation> fields = List.copyOf(violations);
    return make(new Details(code, message, reason, fields, retryAfter, metadata, !advice.isEmpty()));
  }

  private static String withDetail(String advice, Status status) {
    if (advice.isEmpty()) {
      return describe(status);
    }
    // What Netty says of an answer that it does not understand is a hexadecimal dump of it.
    return advice.equals(NO_TLS) || advice.equals(NO_GRPC) ? advice : advice + " (" + describe(status) + ")";
  }

  /** What to do about a connection that no further try will make; empty where one may. */
  private static String advice(Throwable cause) {
    for (Throwable one = cause; one != null; one = one.getCause()) {
      if (one instanceof CertificateException || one instanceof CertPathValidatorException) {
        return "the server's certificate is not trusted, or is for another host: give its authority by ca()";
      } else if (one.getClass().getSimpleName().equals("NotSslRecordException")) {
        return NO_TLS;
      } else if (isHttp1(one)) {
        return NO_GRPC;
      } else if (one instanceof UnknownHostException) {
        return "there is no such host: check the target";
      }
    }
    return "";
  }

  private static boolean isHttp1(Throwable cause) {
    return cause != null && cause.getMessage() != null && cause.getMessage().contains(HTTP_1);
  }

  /** The caller's thread was interrupted; it stays so. */
  static TenterhookException interrupted() {
    Thread.currentThread().interrupt();
    return make(Details.of(Status.Code.CANCELLED, "the thread was interrupted"));
  }

  /** The server cannot be reached over this connection. */
  static TenterhookException unavailable(String why) {
    return make(Details.of(Status.Code.UNAVAILABLE, why));
  }

  /** What gRPC says in its first line, and the cause of a connection that failed. */
  private static String describe(Status status) {
    String description = Optional.ofNullable(status.getDescription()).orElse(status.getCode().name());
    Throwable root = status.getCause();
    if (root == null) {
      return description;
    }
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return description.lines().findFirst().orElse("") + ": " + root.getMessage();
  }

  /** The code; a connection that is closed, or was never one, is UNAVAILABLE, also where gRPC does not know why. */
  private static Status.Code codeOf(Status status) {
    boolean closed = status.getCause() instanceof ClosedChannelException;
    boolean unknown = closed && status.getCode() == Status.Code.UNKNOWN;
    return unknown || isHttp1(status.getCause()) ? Status.Code.UNAVAILABLE : status.getCode();
  }

  /** Reads the acknowledgement of an event that a stream refused. */
  static TenterhookException of(PublishError refused) {
    Status.Code code = Status.fromCodeValue(refused.getCode()).getCode();
    String prefix = refused.getField() + ": ";
    String message = refused.getMessage();
    String description = message.startsWith(prefix) ? message.substring(prefix.length()) : message;
    List<FieldViolation> violations = refused.getField().isEmpty()
        ? List.of()
        : List.of(new FieldViolation(refused.getField(), description));
    return make(new Details(code, message, refused.getReason(), violations, null, Map.of(), false));
  }

  private static TenterhookException make(Details details) {
    return switch (details.code()) {
      case NOT_FOUND -> new NotFound(details);
      case ALREADY_EXISTS, ABORTED, FAILED_PRECONDITION -> new Conflict(details);
      case INVALID_ARGUMENT, OUT_OF_RANGE -> new Invalid(details);
      case UNAVAILABLE -> new Unavailable(details);
      default -> new TenterhookException(details);
    };
  }

  private static ErrorReason reasonOf(String name) {
    try {
      return ErrorReason.valueOf(PREFIX + name);
    } catch (IllegalArgumentException newer) {
      return ErrorReason.ERROR_REASON_UNSPECIFIED;
    }
  }

  private static String nameOf(ErrorReason reason) {
    boolean known = reason != ErrorReason.ERROR_REASON_UNSPECIFIED && reason != ErrorReason.UNRECOGNIZED;
    return known ? reason.name().substring(PREFIX.length()) : "";
  }
}

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tenterhook.v1 import delivery_pb2 as _delivery_pb2
from tenterhook.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WebhookState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEBHOOK_STATE_UNSPECIFIED: _ClassVar[WebhookState]
    WEBHOOK_STATE_ACTIVE: _ClassVar[WebhookState]
    WEBHOOK_STATE_PAUSED: _ClassVar[WebhookState]
    WEBHOOK_STATE_SUSPENDED: _ClassVar[WebhookState]
    WEBHOOK_STATE_DISABLED: _ClassVar[WebhookState]

class BodyFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BODY_FORMAT_UNSPECIFIED: _ClassVar[BodyFormat]
    BODY_FORMAT_NETBOX_3_2: _ClassVar[BodyFormat]
    BODY_FORMAT_NETBOX_4_4: _ClassVar[BodyFormat]
    BODY_FORMAT_NETBOX_4_5: _ClassVar[BodyFormat]
    BODY_FORMAT_NETBOX_4_6: _ClassVar[BodyFormat]
    BODY_FORMAT_NETBOX_4_7: _ClassVar[BodyFormat]
    BODY_FORMAT_CLOUDEVENTS_STRUCTURED: _ClassVar[BodyFormat]
    BODY_FORMAT_CLOUDEVENTS_BINARY: _ClassVar[BodyFormat]

class UndefinedBehavior(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNDEFINED_BEHAVIOR_UNSPECIFIED: _ClassVar[UndefinedBehavior]
    UNDEFINED_BEHAVIOR_LENIENT: _ClassVar[UndefinedBehavior]
    UNDEFINED_BEHAVIOR_STRICT: _ClassVar[UndefinedBehavior]

class HttpMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HTTP_METHOD_UNSPECIFIED: _ClassVar[HttpMethod]
    HTTP_METHOD_GET: _ClassVar[HttpMethod]
    HTTP_METHOD_POST: _ClassVar[HttpMethod]
    HTTP_METHOD_PUT: _ClassVar[HttpMethod]
    HTTP_METHOD_PATCH: _ClassVar[HttpMethod]
    HTTP_METHOD_DELETE: _ClassVar[HttpMethod]

class SignatureAlgorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNATURE_ALGORITHM_UNSPECIFIED: _ClassVar[SignatureAlgorithm]
    SIGNATURE_ALGORITHM_HMAC_SHA1: _ClassVar[SignatureAlgorithm]
    SIGNATURE_ALGORITHM_HMAC_SHA256: _ClassVar[SignatureAlgorithm]
    SIGNATURE_ALGORITHM_HMAC_SHA512: _ClassVar[SignatureAlgorithm]

class SignatureEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNATURE_ENCODING_UNSPECIFIED: _ClassVar[SignatureEncoding]
    SIGNATURE_ENCODING_HEX: _ClassVar[SignatureEncoding]
    SIGNATURE_ENCODING_BASE64: _ClassVar[SignatureEncoding]

class SignatureKeyEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNATURE_KEY_ENCODING_UNSPECIFIED: _ClassVar[SignatureKeyEncoding]
    SIGNATURE_KEY_ENCODING_TEXT: _ClassVar[SignatureKeyEncoding]
    SIGNATURE_KEY_ENCODING_BASE64: _ClassVar[SignatureKeyEncoding]
    SIGNATURE_KEY_ENCODING_HEX: _ClassVar[SignatureKeyEncoding]

class SignatureScheme(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNATURE_SCHEME_UNSPECIFIED: _ClassVar[SignatureScheme]
    SIGNATURE_SCHEME_NETBOX: _ClassVar[SignatureScheme]
    SIGNATURE_SCHEME_STANDARD_WEBHOOKS: _ClassVar[SignatureScheme]
    SIGNATURE_SCHEME_GITHUB: _ClassVar[SignatureScheme]
    SIGNATURE_SCHEME_STANDARD_WEBHOOKS_ASYMMETRIC: _ClassVar[SignatureScheme]

class SigningKeyAlgorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNING_KEY_ALGORITHM_UNSPECIFIED: _ClassVar[SigningKeyAlgorithm]
    SIGNING_KEY_ALGORITHM_HMAC: _ClassVar[SigningKeyAlgorithm]
    SIGNING_KEY_ALGORITHM_ED25519: _ClassVar[SigningKeyAlgorithm]

class ProxyUse(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROXY_USE_UNSPECIFIED: _ClassVar[ProxyUse]
    PROXY_USE_DEFAULT: _ClassVar[ProxyUse]
    PROXY_USE_DIRECT: _ClassVar[ProxyUse]

class ClientAuthentication(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLIENT_AUTHENTICATION_UNSPECIFIED: _ClassVar[ClientAuthentication]
    CLIENT_AUTHENTICATION_BASIC: _ClassVar[ClientAuthentication]
    CLIENT_AUTHENTICATION_POST: _ClassVar[ClientAuthentication]
    CLIENT_AUTHENTICATION_PRIVATE_KEY_JWT: _ClassVar[ClientAuthentication]
WEBHOOK_STATE_UNSPECIFIED: WebhookState
WEBHOOK_STATE_ACTIVE: WebhookState
WEBHOOK_STATE_PAUSED: WebhookState
WEBHOOK_STATE_SUSPENDED: WebhookState
WEBHOOK_STATE_DISABLED: WebhookState
BODY_FORMAT_UNSPECIFIED: BodyFormat
BODY_FORMAT_NETBOX_3_2: BodyFormat
BODY_FORMAT_NETBOX_4_4: BodyFormat
BODY_FORMAT_NETBOX_4_5: BodyFormat
BODY_FORMAT_NETBOX_4_6: BodyFormat
BODY_FORMAT_NETBOX_4_7: BodyFormat
BODY_FORMAT_CLOUDEVENTS_STRUCTURED: BodyFormat
BODY_FORMAT_CLOUDEVENTS_BINARY: BodyFormat
UNDEFINED_BEHAVIOR_UNSPECIFIED: UndefinedBehavior
UNDEFINED_BEHAVIOR_LENIENT: UndefinedBehavior
UNDEFINED_BEHAVIOR_STRICT: UndefinedBehavior
HTTP_METHOD_UNSPECIFIED: HttpMethod
HTTP_METHOD_GET: HttpMethod
HTTP_METHOD_POST: HttpMethod
HTTP_METHOD_PUT: HttpMethod
HTTP_METHOD_PATCH: HttpMethod
HTTP_METHOD_DELETE: HttpMethod
SIGNATURE_ALGORITHM_UNSPECIFIED: SignatureAlgorithm
SIGNATURE_ALGORITHM_HMAC_SHA1: SignatureAlgorithm
SIGNATURE_ALGORITHM_HMAC_SHA256: SignatureAlgorithm
SIGNATURE_ALGORITHM_HMAC_SHA512: SignatureAlgorithm
SIGNATURE_ENCODING_UNSPECIFIED: SignatureEncoding
SIGNATURE_ENCODING_HEX: SignatureEncoding
SIGNATURE_ENCODING_BASE64: SignatureEncoding
SIGNATURE_KEY_ENCODING_UNSPECIFIED: SignatureKeyEncoding
SIGNATURE_KEY_ENCODING_TEXT: SignatureKeyEncoding
SIGNATURE_KEY_ENCODING_BASE64: SignatureKeyEncoding
SIGNATURE_KEY_ENCODING_HEX: SignatureKeyEncoding
SIGNATURE_SCHEME_UNSPECIFIED: SignatureScheme
SIGNATURE_SCHEME_NETBOX: SignatureScheme
SIGNATURE_SCHEME_STANDARD_WEBHOOKS: SignatureScheme
SIGNATURE_SCHEME_GITHUB: SignatureScheme
SIGNATURE_SCHEME_STANDARD_WEBHOOKS_ASYMMETRIC: SignatureScheme
SIGNING_KEY_ALGORITHM_UNSPECIFIED: SigningKeyAlgorithm
SIGNING_KEY_ALGORITHM_HMAC: SigningKeyAlgorithm
SIGNING_KEY_ALGORITHM_ED25519: SigningKeyAlgorithm
PROXY_USE_UNSPECIFIED: ProxyUse
PROXY_USE_DEFAULT: ProxyUse
PROXY_USE_DIRECT: ProxyUse
CLIENT_AUTHENTICATION_UNSPECIFIED: ClientAuthentication
CLIENT_AUTHENTICATION_BASIC: ClientAuthentication
CLIENT_AUTHENTICATION_POST: ClientAuthentication
CLIENT_AUTHENTICATION_PRIVATE_KEY_JWT: ClientAuthentication

class Webhook(_message.Message):
    __slots__ = ("id", "namespace", "display_name", "description", "disabled", "state", "state_reason", "rules", "request", "signing", "retry", "circuit_breaker", "rate_limit", "transport", "labels", "signing_keys", "health", "etag", "create_time", "update_time", "warnings", "authentication")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SIGNING_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    CIRCUIT_BREAKER_FIELD_NUMBER: _ClassVar[int]
    RATE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SIGNING_KEYS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    display_name: str
    description: str
    disabled: bool
    state: WebhookState
    state_reason: str
    rules: _containers.RepeatedCompositeFieldContainer[EventRule]
    request: RequestTemplate
    signing: SigningPolicy
    retry: RetryPolicy
    circuit_breaker: CircuitBreaker
    rate_limit: RateLimit
    transport: TransportPolicy
    labels: _containers.ScalarMap[str, str]
    signing_keys: _containers.RepeatedCompositeFieldContainer[SigningKey]
    health: WebhookHealth
    etag: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    warnings: _containers.RepeatedScalarFieldContainer[str]
    authentication: Authentication
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., disabled: bool = ..., state: _Optional[_Union[WebhookState, str]] = ..., state_reason: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[EventRule, _Mapping]]] = ..., request: _Optional[_Union[RequestTemplate, _Mapping]] = ..., signing: _Optional[_Union[SigningPolicy, _Mapping]] = ..., retry: _Optional[_Union[RetryPolicy, _Mapping]] = ..., circuit_breaker: _Optional[_Union[CircuitBreaker, _Mapping]] = ..., rate_limit: _Optional[_Union[RateLimit, _Mapping]] = ..., transport: _Optional[_Union[TransportPolicy, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., signing_keys: _Optional[_Iterable[_Union[SigningKey, _Mapping]]] = ..., health: _Optional[_Union[WebhookHealth, _Mapping]] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., authentication: _Optional[_Union[Authentication, _Mapping]] = ...) -> None: ...

class EventRule(_message.Message):
    __slots__ = ("display_name", "event_types", "object_types", "attributes", "conditions", "expression", "disabled")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    OBJECT_TYPES_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    event_types: _containers.RepeatedScalarFieldContainer[str]
    object_types: _containers.RepeatedScalarFieldContainer[str]
    attributes: _containers.ScalarMap[str, str]
    conditions: _event_pb2.JsonDocument
    expression: str
    disabled: bool
    def __init__(self, display_name: _Optional[str] = ..., event_types: _Optional[_Iterable[str]] = ..., object_types: _Optional[_Iterable[str]] = ..., attributes: _Optional[_Mapping[str, str]] = ..., conditions: _Optional[_Union[_event_pb2.JsonDocument, _Mapping]] = ..., expression: _Optional[str] = ..., disabled: bool = ...) -> None: ...

class RequestTemplate(_message.Message):
    __slots__ = ("url", "allowed_hosts", "method", "content_type", "additional_headers", "headers", "body", "undefined_behavior", "body_format", "cloudevents_source")
    URL_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_HOSTS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    ADDITIONAL_HEADERS_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    UNDEFINED_BEHAVIOR_FIELD_NUMBER: _ClassVar[int]
    BODY_FORMAT_FIELD_NUMBER: _ClassVar[int]
    CLOUDEVENTS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    url: str
    allowed_hosts: _containers.RepeatedScalarFieldContainer[str]
    method: HttpMethod
    content_type: str
    additional_headers: str
    headers: _containers.RepeatedCompositeFieldContainer[HeaderTemplate]
    body: str
    undefined_behavior: UndefinedBehavior
    body_format: BodyFormat
    cloudevents_source: str
    def __init__(self, url: _Optional[str] = ..., allowed_hosts: _Optional[_Iterable[str]] = ..., method: _Optional[_Union[HttpMethod, str]] = ..., content_type: _Optional[str] = ..., additional_headers: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[HeaderTemplate, _Mapping]]] = ..., body: _Optional[str] = ..., undefined_behavior: _Optional[_Union[UndefinedBehavior, str]] = ..., body_format: _Optional[_Union[BodyFormat, str]] = ..., cloudevents_source: _Optional[str] = ...) -> None: ...

class HeaderTemplate(_message.Message):
    __slots__ = ("name", "value", "sensitive")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SENSITIVE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    sensitive: bool
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ..., sensitive: bool = ...) -> None: ...

class SigningPolicy(_message.Message):
    __slots__ = ("schemes", "custom")
    SCHEMES_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELD_NUMBER: _ClassVar[int]
    schemes: _containers.RepeatedScalarFieldContainer[SignatureScheme]
    custom: _containers.RepeatedCompositeFieldContainer[CustomSignature]
    def __init__(self, schemes: _Optional[_Iterable[_Union[SignatureScheme, str]]] = ..., custom: _Optional[_Iterable[_Union[CustomSignature, _Mapping]]] = ...) -> None: ...

class CustomSignature(_message.Message):
    __slots__ = ("header", "algorithm", "encoding", "key_encoding", "content", "value")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    KEY_ENCODING_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    header: str
    algorithm: SignatureAlgorithm
    encoding: SignatureEncoding
    key_encoding: SignatureKeyEncoding
    content: str
    value: str
    def __init__(self, header: _Optional[str] = ..., algorithm: _Optional[_Union[SignatureAlgorithm, str]] = ..., encoding: _Optional[_Union[SignatureEncoding, str]] = ..., key_encoding: _Optional[_Union[SignatureKeyEncoding, str]] = ..., content: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class SigningKey(_message.Message):
    __slots__ = ("id", "create_time", "expire_time", "algorithm", "public_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    algorithm: SigningKeyAlgorithm
    public_key: str
    def __init__(self, id: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., algorithm: _Optional[_Union[SigningKeyAlgorithm, str]] = ..., public_key: _Optional[str] = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("max_attempts", "max_age", "exponential", "schedule", "jitter", "permanent_statuses")
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    EXPONENTIAL_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    PERMANENT_STATUSES_FIELD_NUMBER: _ClassVar[int]
    max_attempts: int
    max_age: _duration_pb2.Duration
    exponential: ExponentialBackoff
    schedule: BackoffSchedule
    jitter: float
    permanent_statuses: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, max_attempts: _Optional[int] = ..., max_age: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., exponential: _Optional[_Union[ExponentialBackoff, _Mapping]] = ..., schedule: _Optional[_Union[BackoffSchedule, _Mapping]] = ..., jitter: _Optional[float] = ..., permanent_statuses: _Optional[_Iterable[int]] = ...) -> None: ...

class ExponentialBackoff(_message.Message):
    __slots__ = ("initial", "max", "multiplier")
    INITIAL_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    initial: _duration_pb2.Duration
    max: _duration_pb2.Duration
    multiplier: float
    def __init__(self, initial: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., multiplier: _Optional[float] = ...) -> None: ...

class BackoffSchedule(_message.Message):
    __slots__ = ("waits",)
    WAITS_FIELD_NUMBER: _ClassVar[int]
    waits: _containers.RepeatedCompositeFieldContainer[_duration_pb2.Duration]
    def __init__(self, waits: _Optional[_Iterable[_Union[_duration_pb2.Duration, _Mapping]]] = ...) -> None: ...

class CircuitBreaker(_message.Message):
    __slots__ = ("failures_to_open", "initial_open", "max_open", "suspend_after")
    FAILURES_TO_OPEN_FIELD_NUMBER: _ClassVar[int]
    INITIAL_OPEN_FIELD_NUMBER: _ClassVar[int]
    MAX_OPEN_FIELD_NUMBER: _ClassVar[int]
    SUSPEND_AFTER_FIELD_NUMBER: _ClassVar[int]
    failures_to_open: int
    initial_open: _duration_pb2.Duration
    max_open: _duration_pb2.Duration
    suspend_after: _duration_pb2.Duration
    def __init__(self, failures_to_open: _Optional[int] = ..., initial_open: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_open: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., suspend_after: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RateLimit(_message.Message):
    __slots__ = ("requests_per_second", "burst", "max_in_flight")
    REQUESTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BURST_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    requests_per_second: float
    burst: int
    max_in_flight: int
    def __init__(self, requests_per_second: _Optional[float] = ..., burst: _Optional[int] = ..., max_in_flight: _Optional[int] = ...) -> None: ...

class TransportPolicy(_message.Message):
    __slots__ = ("attempt_timeout", "ca_certificates_pem", "insecure_skip_verify", "client_certificate_pem", "client_private_key_pem", "trust_system_roots", "proxy")
    ATTEMPT_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    CA_CERTIFICATES_PEM_FIELD_NUMBER: _ClassVar[int]
    INSECURE_SKIP_VERIFY_FIELD_NUMBER: _ClassVar[int]
    CLIENT_CERTIFICATE_PEM_FIELD_NUMBER: _ClassVar[int]
    CLIENT_PRIVATE_KEY_PEM_FIELD_NUMBER: _ClassVar[int]
    TRUST_SYSTEM_ROOTS_FIELD_NUMBER: _ClassVar[int]
    PROXY_FIELD_NUMBER: _ClassVar[int]
    attempt_timeout: _duration_pb2.Duration
    ca_certificates_pem: str
    insecure_skip_verify: bool
    client_certificate_pem: str
    client_private_key_pem: str
    trust_system_roots: bool
    proxy: ProxyUse
    def __init__(self, attempt_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., ca_certificates_pem: _Optional[str] = ..., insecure_skip_verify: bool = ..., client_certificate_pem: _Optional[str] = ..., client_private_key_pem: _Optional[str] = ..., trust_system_roots: bool = ..., proxy: _Optional[_Union[ProxyUse, str]] = ...) -> None: ...

class Authentication(_message.Message):
    __slots__ = ("basic", "oauth2")
    BASIC_FIELD_NUMBER: _ClassVar[int]
    OAUTH2_FIELD_NUMBER: _ClassVar[int]
    basic: BasicAuthentication
    oauth2: OAuth2ClientCredentials
    def __init__(self, basic: _Optional[_Union[BasicAuthentication, _Mapping]] = ..., oauth2: _Optional[_Union[OAuth2ClientCredentials, _Mapping]] = ...) -> None: ...

class BasicAuthentication(_message.Message):
    __slots__ = ("username", "password")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    username: str
    password: str
    def __init__(self, username: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class OAuth2ClientCredentials(_message.Message):
    __slots__ = ("token_url", "client_id", "client_authentication", "client_secret", "private_key_pem", "key_id", "scopes", "audience", "parameters")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TOKEN_URL_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_AUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_KEY_PEM_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    token_url: str
    client_id: str
    client_authentication: ClientAuthentication
    client_secret: str
    private_key_pem: str
    key_id: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    audience: str
    parameters: _containers.ScalarMap[str, str]
    def __init__(self, token_url: _Optional[str] = ..., client_id: _Optional[str] = ..., client_authentication: _Optional[_Union[ClientAuthentication, str]] = ..., client_secret: _Optional[str] = ..., private_key_pem: _Optional[str] = ..., key_id: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., audience: _Optional[str] = ..., parameters: _Optional[_Mapping[str, str]] = ...) -> None: ...

class WebhookHealth(_message.Message):
    __slots__ = ("consecutive_failures", "circuit_open", "next_probe_time", "last_success_time", "last_failure_time", "last_error", "failing_since", "waiting", "oldest_waiting_time")
    CONSECUTIVE_FAILURES_FIELD_NUMBER: _ClassVar[int]
    CIRCUIT_OPEN_FIELD_NUMBER: _ClassVar[int]
    NEXT_PROBE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_SUCCESS_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_FAILURE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    FAILING_SINCE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    OLDEST_WAITING_TIME_FIELD_NUMBER: _ClassVar[int]
    consecutive_failures: int
    circuit_open: bool
    next_probe_time: _timestamp_pb2.Timestamp
    last_success_time: _timestamp_pb2.Timestamp
    last_failure_time: _timestamp_pb2.Timestamp
    last_error: _delivery_pb2.AttemptSummary
    failing_since: _timestamp_pb2.Timestamp
    waiting: int
    oldest_waiting_time: _timestamp_pb2.Timestamp
    def __init__(self, consecutive_failures: _Optional[int] = ..., circuit_open: bool = ..., next_probe_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_success_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_failure_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_error: _Optional[_Union[_delivery_pb2.AttemptSummary, _Mapping]] = ..., failing_since: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., waiting: _Optional[int] = ..., oldest_waiting_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

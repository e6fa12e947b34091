package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far a Standard Webhooks timestamp may be from the receiver's clock.
const Tolerance = 300 * time.Second

// timestampDigits is how many digits a timestamp has at most, leading zeros included.
const timestampDigits = 15

// Scheme is how requests are signed.
type Scheme int

const (
	// StandardWebhooks signs in `webhook-id`, `webhook-timestamp` and `webhook-signature`. With a public key
	// (whpk_…) among the secrets, what STANDARD_WEBHOOKS_ASYMMETRIC signs is accepted too.
	StandardWebhooks Scheme = iota
	// NetBox signs in `X-Hook-Signature`. It does not protect from replays.
	NetBox
	// GitHub signs in `X-Hub-Signature-256`. It does not protect from replays.
	GitHub
)

// ErrSignature is what the errors about a request that must not be trusted wrap: answer 401. The text says
// why, and holds no secret.
var ErrSignature = errors.New("tenterhook: the request must not be trusted")

// ErrMisconfigured is what the errors about the receiver itself wrap, whoever sent the request: a secret that is
// empty or not base64, a body that is no event. Answer 500 and fix it; the text says how, and holds no secret.
var ErrMisconfigured = errors.New("tenterhook: the receiver is misconfigured")

type options struct {
	scheme    Scheme
	now       time.Time
	tolerance time.Duration
	id        string
	seen      Seen
	maxBytes  int64
	logger    *slog.Logger
	method    string
	path      *string
}

// Option changes how requests are checked.
type Option func(*options)

// WithScheme expects that scheme instead of StandardWebhooks.
func WithScheme(scheme Scheme) Option { return func(o *options) { o.scheme = scheme } }

// At takes the clock to show now.
func At(now time.Time) Option { return func(o *options) { o.now = now } }

// WithTolerance replaces [Tolerance].
func WithTolerance(tolerance time.Duration) Option {
	return func(o *options) { o.tolerance = tolerance }
}

func chosen(opts []Option) options {
	made := options{tolerance: Tolerance, id: "msg_test", maxBytes: MaxBytes, method: http.MethodPost}
	for _, option := range opts {
		option(&made)
	}
	return made
}

func (o options) clock() time.Time {
	if o.now.IsZero() {
		return time.Now()
	}
	return o.now
}

// Verify returns nil if one of the secrets signed the request: its header and its body, as it arrived, before
// anything parses it. Otherwise its error wraps [ErrSignature] or [ErrMisconfigured].
func Verify(header http.Header, body []byte, secrets []string, opts ...Option) error {
	check := chosen(opts)
	publics, secrets, err := check.publicKeys(secrets)
	if err != nil {
		return err
	}
	keys, err := check.keys(secrets)
	if err != nil {
		return err
	}
	given, content, err := check.read(header, body)
	if err != nil {
		return err
	}
	if signedByAny(publics, given, content) {
		return nil
	}
	matched := 0
	for _, key := range keys {
		wanted := check.version() + check.sign(key, content)
		for _, signature := range given {
			matched |= subtle.ConstantTimeCompare([]byte(wanted), []byte(signature))
		}
	}
	if matched == 0 {
		return refuse("no signature matches: the secret is another, or the body was changed")
	}
	return nil
}

// SignForTest returns the header that a delivery of body has, for tests of a receiver. [WithID] and [At] set its
// id and time.
func SignForTest(body []byte, secret string, opts ...Option) (http.Header, error) {
	made := chosen(opts)
	if publics, _, err := made.publicKeys([]string{secret}); err != nil || len(publics) > 0 {
		return nil, misconfigured("a public key signs nothing; sign tests with a secret (whsec_…)")
	}
	keys, err := made.keys([]string{secret})
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	switch made.scheme {
	case NetBox:
		header.Set("x-hook-signature", made.sign(keys[0], body))
	case GitHub:
		header.Set("x-hub-signature-256", made.sign(keys[0], body))
	default:
		timestamp := strconv.FormatInt(made.clock().Unix(), 10)
		content := append([]byte(made.id+"."+timestamp+"."), body...)
		header.Set("webhook-id", made.id)
		header.Set("webhook-timestamp", timestamp)
		header.Set("webhook-signature", "v1,"+made.sign(keys[0], content))
	}
	return header, nil
}

// WithID is the webhook-id that [SignForTest] signs, instead of msg_test.
func WithID(id string) Option { return func(o *options) { o.id = id } }

// read gives the signatures of the request and what they cover.
func (o options) read(header http.Header, body []byte) ([]string, []byte, error) {
	switch o.scheme {
	case NetBox:
		signature, err := one(header, "x-hook-signature")
		return []string{signature}, body, err
	case GitHub:
		signature, err := one(header, "x-hub-signature-256")
		return []string{signature}, body, err
	}
	var values [3]string
	for i, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		value, err := one(header, name)
		if err != nil {
			return nil, nil, err
		}
		values[i] = value
	}
	if err := o.checkTime(values[1], "webhook-timestamp"); err != nil {
		return nil, nil, err
	}
	given := strings.Split(values[2], " ")
	return given, append([]byte(values[0]+"."+values[1]+"."), body...), nil
}

// checkTime refuses a time that is none, or too far from now; what is its name in errors.
func (o options) checkTime(timestamp, what string) error {
	seconds, err := strconv.ParseUint(timestamp, 10, 64)
	if err != nil || len(timestamp) > timestampDigits {
		return refuse(what + " is not a number of seconds")
	}
	if o.clock().Sub(time.Unix(int64(seconds), 0)).Abs() > o.tolerance {
		return refuse(what + " is too far from the receiver's clock")
	}
	return nil
}

// version is what each signature of the scheme begins with.
func (o options) version() string {
	if o.scheme == StandardWebhooks {
		return "v1,"
	}
	return ""
}

// publicKeys gives the public keys among the secrets, and the other secrets; nil if there are only public keys.
func (o options) publicKeys(secrets []string) ([]ed25519.PublicKey, []string, error) {
	var publics []ed25519.PublicKey
	var others []string
	for _, secret := range secrets {
		encoded, isPublic := strings.CutPrefix(strings.Trim(secret, " \t\r\n"), "whpk_")
		if !isPublic || o.scheme != StandardWebhooks {
			others = append(others, secret)
			continue
		}
		key, err := bytesOf(encoded)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, nil, misconfigured("a public key is not base64 of 32 bytes, as those of Standard Webhooks are (whpk_…)")
		}
		publics = append(publics, key)
	}
	if len(publics) == 0 && len(others) == 0 {
		return nil, nil, misconfigured("no secret is given")
	}
	return publics, others, nil
}

// signedByAny tells whether one of the signatures is by the owner of one of the public keys.
func signedByAny(publics []ed25519.PublicKey, given []string, content []byte) bool {
	for _, one := range given {
		encoded, isAsymmetric := strings.CutPrefix(one, "v1a,")
		if !isAsymmetric {
			continue
		}
		signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, public := range publics {
			if ed25519.Verify(public, content, signature) {
				return true
			}
		}
	}
	return false
}

// sign gives the signature under one key, as the header has it.
func (o options) sign(key, content []byte) string {
	hash := sha256.New
	if o.scheme == NetBox {
		hash = sha512.New
	}
	mac := hmac.New(hash, key)
	mac.Write(content)
	switch o.scheme {
	case NetBox:
		return hex.EncodeToString(mac.Sum(nil))
	case GitHub:
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (o options) keys(secrets []string) ([][]byte, error) {
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		key, err := []byte(secret), error(nil)
		if o.scheme == StandardWebhooks {
			key, err = standardKey(secret)
		}
		if err != nil {
			return nil, err
		}
		if len(key) == 0 {
			return nil, misconfigured("a secret is empty")
		}
		keys[i] = key
	}
	return keys, nil
}

// standardKey reads a Standard Webhooks secret: blanks and line ends around it do not count, the
// prefix and the padding may be missing.
func standardKey(secret string) ([]byte, error) {
	key, err := bytesOf(strings.TrimPrefix(strings.Trim(secret, " \t\r\n"), "whsec_"))
	if err != nil {
		return nil, misconfigured("a secret is not base64, as the secrets of Standard Webhooks are (whsec_…)")
	}
	return key, nil
}

// bytesOf reads base64 whose padding may be missing.
func bytesOf(encoded string) ([]byte, error) {
	bare := strings.TrimRight(encoded, "=")
	// The decoder skips line ends inside.
	if len(encoded)-len(bare) > 2 || strings.ContainsAny(bare, "\r\n") {
		return nil, errors.New("not base64")
	}
	return base64.RawStdEncoding.DecodeString(bare)
}

// one gives the value of a header whose name may be written in any case.
func one(header http.Header, name string) (string, error) {
	for key, values := range header {
		if strings.EqualFold(key, name) && len(values) > 0 && values[0] != "" {
			return values[0], nil
		}
	}
	return "", refuse("the header " + name + " is missing")
}

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrSignature, why) }

func misconfigured(why string) error { return fmt.Errorf("%w: %s", ErrMisconfigured, why) }

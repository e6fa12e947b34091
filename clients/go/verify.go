package tenterhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far a Standard Webhooks timestamp may be from the receiver's clock.
const Tolerance = 300 * time.Second

// Scheme is how requests are signed.
type Scheme int

const (
	// StandardWebhooks signs in `webhook-id`, `webhook-timestamp` and `webhook-signature`.
	StandardWebhooks Scheme = iota
	// NetBox signs in `X-Hook-Signature`. It does not protect from replays.
	NetBox
	// GitHub signs in `X-Hub-Signature-256`. It does not protect from replays.
	GitHub
)

// ErrSignature is what every failure of [Verify] wraps; the text says why, and tells no secret.
var ErrSignature = errors.New("tenterhook: the request must not be trusted")

type verification struct {
	scheme    Scheme
	now       time.Time
	tolerance time.Duration
}

// VerifyOption changes how [Verify] checks.
type VerifyOption func(*verification)

// WithScheme expects that scheme instead of StandardWebhooks.
func WithScheme(scheme Scheme) VerifyOption { return func(v *verification) { v.scheme = scheme } }

// At takes the receiver's clock to show now.
func At(now time.Time) VerifyOption { return func(v *verification) { v.now = now } }

// WithTolerance replaces [Tolerance].
func WithTolerance(tolerance time.Duration) VerifyOption {
	return func(v *verification) { v.tolerance = tolerance }
}

// Verify returns nil if one of the secrets signed the request: its header and its body, as it
// arrived, before anything parses it.
func Verify(header http.Header, body []byte, secrets []string, opts ...VerifyOption) error {
	check := verification{tolerance: Tolerance}
	for _, option := range opts {
		option(&check)
	}
	if check.now.IsZero() {
		check.now = time.Now()
	}
	given, content, err := check.read(header, body)
	if err != nil {
		return err
	}
	if len(secrets) == 0 {
		return refuse("there is no secret")
	}
	matched := 0
	for _, secret := range secrets {
		wanted, err := check.sign(secret, content)
		if err != nil {
			return err
		}
		for _, signature := range given {
			matched |= subtle.ConstantTimeCompare([]byte(wanted), []byte(signature))
		}
	}
	if matched == 0 {
		return refuse("no signature matches")
	}
	return nil
}

// read gives the signatures of the request and what they cover.
func (v verification) read(header http.Header, body []byte) ([]string, []byte, error) {
	switch v.scheme {
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
	seconds, err := strconv.ParseUint(values[1], 10, 50)
	if err != nil {
		return nil, nil, refuse("webhook-timestamp is not a number of seconds")
	}
	if v.now.Sub(time.Unix(int64(seconds), 0)).Abs() > v.tolerance {
		return nil, nil, refuse("webhook-timestamp is too far from the receiver's clock")
	}
	var given []string
	for _, signature := range strings.Split(values[2], " ") {
		if rest, isV1 := strings.CutPrefix(signature, "v1,"); isV1 {
			given = append(given, rest)
		}
	}
	return given, append([]byte(values[0]+"."+values[1]+"."), body...), nil
}

// sign gives the signature under one secret.
func (v verification) sign(secret string, content []byte) (string, error) {
	if secret == "" {
		return "", refuse("an empty secret verifies nothing")
	}
	switch v.scheme {
	case NetBox:
		mac := hmac.New(sha512.New, []byte(secret))
		mac.Write(content)
		return hex.EncodeToString(mac.Sum(nil)), nil
	case GitHub:
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(content)
		return "sha256=" + hex.EncodeToString(mac.Sum(nil)), nil
	}
	key, err := standardKey(secret)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(content)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// standardKey reads a Standard Webhooks secret: blanks and line ends around it do not count, the
// prefix and the padding may be missing.
func standardKey(secret string) ([]byte, error) {
	encoded := strings.TrimPrefix(strings.Trim(secret, " \t\r\n"), "whsec_")
	bare := strings.TrimRight(encoded, "=")
	// The decoder skips line ends inside.
	if len(encoded)-len(bare) > 2 || strings.ContainsAny(bare, "\r\n") {
		return nil, refuse("a secret is not base64")
	}
	key, err := base64.RawStdEncoding.DecodeString(bare)
	if err != nil {
		return nil, refuse("a secret is not base64")
	}
	if len(key) == 0 {
		return nil, refuse("an empty secret verifies nothing")
	}
	return key, nil
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

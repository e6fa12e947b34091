package webhook

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strings"
)

// Algorithm is the digest of a custom signature's HMAC.
type Algorithm string

// The algorithms of custom signatures.
const (
	HMACSHA1   Algorithm = "HMAC_SHA1"
	HMACSHA256 Algorithm = "HMAC_SHA256"
	HMACSHA512 Algorithm = "HMAC_SHA512"
)

// Encoding is how a signature is written, or how a secret holds the key.
type Encoding string

// The encodings of custom signatures and of their keys; Text is for keys alone.
const (
	Text   Encoding = "TEXT"
	Hex    Encoding = "HEX"
	Base64 Encoding = "BASE64"
)

// CustomSignature is a header, described by the same fields as in `signing.custom` of the webhook. Describe also a header
// that holds only the time or the id, when another one signs it.
type CustomSignature struct {
	Header      string
	Algorithm   Algorithm // HMACSHA256 unless set
	Encoding    Encoding  // Hex unless set: how the header writes the signature
	KeyEncoding Encoding  // Text, the secret is the key, unless set
	// Content is what is signed, with {{id}}, {{timestamp}}, {{method}}, {{path}} and {{body}}; {{body}} unless set.
	Content string
	// Value is what the header says, with {{id}}, {{timestamp}}, {{method}} and {{signature}}, two of which need
	// something between them; {{signature}} unless set.
	Value string
}

// WithMethod is the method of the request that [VerifyCustom] checks, instead of POST.
func WithMethod(method string) Option { return func(o *options) { o.method = method } }

// WithPath is the path of the request, with its query, that [VerifyCustom] checks. Only {{path}} needs it.
func WithPath(path string) Option { return func(o *options) { o.path = &path } }

// VerifyCustom returns nil if every described header is right, each signature by one of the secrets. Otherwise its error
// wraps [ErrSignature] or [ErrMisconfigured].
func VerifyCustom(header http.Header, body []byte, secrets []string, signatures []CustomSignature, opts ...Option) error {
	check := chosen(opts)
	described := make([]description, len(signatures))
	for i, signature := range signatures {
		read, err := describe(signature, secrets)
		if err != nil {
			return err
		}
		described[i] = read
	}
	if err := check.requireSources(described); err != nil {
		return err
	}
	parts := map[string]string{"method": check.method}
	given := make([]string, len(described))
	for i, one := range described {
		signature, err := one.read(header, parts)
		if err != nil {
			return err
		}
		given[i] = signature
	}
	if err := check.requireTime(parts); err != nil {
		return err
	}
	if check.path != nil {
		parts["path"] = *check.path
	}
	matched := 1
	for i, one := range described {
		matched &= one.matches(given[i], parts, body)
	}
	if matched == 0 {
		return refuse("no signature matches: the secret is another, or the body was changed")
	}
	return nil
}

var (
	inContent = []string{"id", "timestamp", "method", "path", "body"}
	inValue   = []string{"id", "timestamp", "method", "signature"}
)

// text has a place between each two of its literals.
type text struct{ literals, places []string }

// description is a custom signature that was read.
type description struct {
	name           string
	content, value text
	hash           func() hash.Hash
	encode         func([]byte) string
	keys           [][]byte
}

func describe(given CustomSignature, secrets []string) (description, error) {
	if given.Header == "" {
		return description{}, misconfigured("a custom signature names no header")
	}
	read := description{name: given.Header}
	var err error
	if read.content, err = readText(given.Content, "{{body}}", inContent); err != nil {
		return read, fmt.Errorf("%w, in the content of %s", err, given.Header)
	}
	if read.value, err = readText(given.Value, "{{signature}}", inValue); err != nil {
		return read, fmt.Errorf("%w, in the value of %s", err, given.Header)
	}
	if count := len(read.value.literals); count > 2 && slices.Contains(read.value.literals[1:count-1], "") {
		return read, misconfigured("two places of the value of " + given.Header + " need something between them")
	}
	switch given.Algorithm {
	case "", HMACSHA256:
		read.hash = sha256.New
	case HMACSHA1:
		read.hash = sha1.New
	case HMACSHA512:
		read.hash = sha512.New
	default:
		return read, misconfigured("the algorithm of a custom signature must be one of HMAC_SHA1, HMAC_SHA256, HMAC_SHA512")
	}
	switch given.Encoding {
	case "", Hex:
		read.encode = hex.EncodeToString
	case Base64:
		read.encode = base64.StdEncoding.EncodeToString
	default:
		return read, misconfigured("the encoding of a custom signature must be one of HEX, BASE64")
	}
	if len(secrets) == 0 {
		return read, misconfigured("no secret is given")
	}
	for _, secret := range secrets {
		key, err := customKey(secret, given.KeyEncoding)
		if err != nil {
			return read, err
		}
		read.keys = append(read.keys, key)
	}
	return read, nil
}

// readText reads a text, or other if it is empty, in which only the known places may stand.
func readText(given, other string, known []string) (text, error) {
	if given == "" {
		given = other
	}
	var read text
	for {
		before, from, found := strings.Cut(given, "{{")
		read.literals = append(read.literals, before)
		if !found {
			return read, nil
		}
		name, after, found := strings.Cut(from, "}}")
		if name = strings.TrimSpace(name); !found || !slices.Contains(known, name) {
			return read, misconfigured("a place is unknown or does not end; it may be {{" + strings.Join(known, "}}, {{") + "}}")
		}
		read.places = append(read.places, name)
		given = after
	}
}

func customKey(secret string, encoding Encoding) ([]byte, error) {
	key, err := []byte(secret), error(nil)
	switch encoding {
	case "", Text:
	case Base64:
		key, err = standardKey(secret)
	case Hex:
		if key, err = hex.DecodeString(secret); err != nil {
			err = misconfigured("a secret is not hexadecimal, as its key encoding says")
		}
	default:
		err = misconfigured("the key encoding of a custom signature must be one of TEXT, HEX, BASE64")
	}
	if err == nil && len(key) == 0 {
		err = misconfigured("a secret is empty")
	}
	return key, err
}

// requireSources checks that all that is signed can be had.
func (o options) requireSources(described []description) error {
	var read []string
	for _, one := range described {
		read = append(read, one.value.places...)
	}
	if !slices.Contains(read, "signature") {
		return misconfigured("no custom signature has {{signature}} in its value")
	}
	for _, one := range described {
		for _, place := range one.content.places {
			isThere := slices.Contains(read, place) || place == "method" || place == "body" || place == "path" && o.path != nil
			if one.signs() && !isThere {
				return misconfigured("the content of " + one.name + " has {{" + place +
					"}}: describe the header that holds it too, or give the path of the request")
			}
		}
	}
	return nil
}

func (o options) requireTime(parts map[string]string) error {
	timestamp, found := parts["timestamp"]
	if !found {
		return nil
	}
	return o.checkTime(timestamp, "the timestamp")
}

func (d description) signs() bool { return slices.Contains(d.value.places, "signature") }

// read adds what the header says to parts, and gives its signature.
func (d description) read(header http.Header, parts map[string]string) (string, error) {
	value, err := one(header, d.name)
	if err != nil {
		return "", err
	}
	said, fits := d.value.split(value)
	if !fits {
		return "", refuse("the header " + d.name + " is not written as its value is described")
	}
	signature := map[string]string{}
	for i, place := range d.value.places {
		into := parts
		if place == "signature" {
			into = signature
		}
		if before, found := into[place]; found && before != said[i] {
			return "", refuse("the header " + d.name + " has another " + place + " than the request")
		}
		into[place] = said[i]
	}
	return signature["signature"], nil
}

// split gives what stands at the places of a value: each ends where the literal after it first stands, the last one at the
// end. It takes time in proportion to what is given, whoever wrote it.
func (t text) split(given string) ([]string, bool) {
	rest, fits := strings.CutPrefix(given, t.literals[0])
	said := make([]string, len(t.places))
	for i := range t.places {
		literal, found := t.literals[i+1], false
		if i == len(t.places)-1 {
			said[i], found = strings.CutSuffix(rest, literal)
			rest = ""
		} else {
			said[i], rest, found = strings.Cut(rest, literal)
		}
		fits = fits && found
	}
	return said, fits && rest == ""
}

// matches gives 1 if one of the keys made the signature, or if there is none to make.
func (d description) matches(given string, parts map[string]string, body []byte) int {
	if !d.signs() {
		return 1
	}
	matched := 0
	for _, key := range d.keys {
		mac := hmac.New(d.hash, key)
		for i, literal := range d.content.literals {
			mac.Write([]byte(literal))
			if i < len(d.content.places) && d.content.places[i] == "body" {
				mac.Write(body)
			} else if i < len(d.content.places) {
				mac.Write([]byte(parts[d.content.places[i]]))
			}
		}
		matched |= subtle.ConstantTimeCompare([]byte(d.encode(mac.Sum(nil))), []byte(given))
	}
	return matched
}

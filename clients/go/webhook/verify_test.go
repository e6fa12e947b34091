package webhook

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

type vector struct {
	ID         string            `json:"id"`
	Category   string            `json:"category"`
	Scheme     string            `json:"scheme"`
	Secrets    []string          `json:"secrets"`
	Body       string            `json:"body"`
	BodyBase64 string            `json:"body_base64"`
	Headers    map[string]string `json:"headers"`
	Now        *int64            `json:"now"`
	Expected   string            `json:"expected"`
	IDHeader   string            `json:"id_header"`
	Timestamp  int64             `json:"timestamp"`
}

var schemes = map[string]Scheme{"STANDARD_WEBHOOKS": StandardWebhooks, "NETBOX": NetBox, "GITHUB": GitHub,
	"STANDARD_WEBHOOKS_ASYMMETRIC": StandardWebhooks}

func vectors(t *testing.T) []vector {
	t.Helper()
	file, err := os.Open("../../../tests/fixtures/signatures.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var found []vector
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one vector
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		found = append(found, one)
	}
	if len(found) < 101 {
		t.Fatalf("%d vectors", len(found))
	}
	return found
}

func (v vector) verify(t *testing.T, secrets []string) error {
	t.Helper()
	body := []byte(v.Body)
	if v.BodyBase64 != "" {
		var err error
		if body, err = base64.StdEncoding.DecodeString(v.BodyBase64); err != nil {
			t.Fatal(err)
		}
	}
	header := http.Header{}
	for name, value := range v.Headers {
		header[name] = []string{value}
	}
	options := []Option{WithScheme(schemes[v.Scheme])}
	if v.Now != nil {
		options = append(options, At(time.Unix(*v.Now, 0)))
	}
	return Verify(header, body, secrets, options...)
}

func TestEveryVector(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			err := v.verify(t, v.Secrets)
			if v.Expected == "valid" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if v.Expected != "valid" && !errors.Is(err, ErrSignature) && !errors.Is(err, ErrMisconfigured) {
				t.Errorf("accepted: %v", err)
			}
		})
	}
}

func TestAChangedBodyIsRefused(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Category != "sign" {
			continue
		}
		v.Body, v.BodyBase64 = "x"+v.Body, ""
		if err := v.verify(t, v.Secrets); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", v.ID, err)
		}
	}
}

func TestNoSecretVerifiesNothing(t *testing.T) {
	if err := vectors(t)[0].verify(t, nil); !errors.Is(err, ErrMisconfigured) {
		t.Error(err)
	}
}

func TestTheClockIsReadWhenNoTimeIsGiven(t *testing.T) {
	v := vectors(t)[0]
	v.Now = nil
	if err := v.verify(t, v.Secrets); err == nil || !strings.Contains(err.Error(), "too far") {
		t.Error(err)
	}
}

func TestAToleranceCanBeWidened(t *testing.T) {
	v := vectors(t)[0]
	header := http.Header{}
	for name, value := range v.Headers {
		header.Set(name, value)
	}
	if err := Verify(header, []byte(v.Body), v.Secrets, WithTolerance(1<<62)); err != nil {
		t.Error(err)
	}
}

func TestASecretIsNeverTold(t *testing.T) {
	for _, scheme := range schemes {
		err := Verify(http.Header{}, nil, []string{"very-secret"}, WithScheme(scheme))
		if err == nil || strings.Contains(err.Error(), "very-secret") {
			t.Error(err)
		}
	}
}

func TestWhatIsSignedForATestIsWhatTheServerSigns(t *testing.T) {
	count := 0
	for _, v := range vectors(t) {
		if v.Category != "sign" || len(v.Secrets) != 1 {
			continue
		}
		count++
		body := []byte(v.Body)
		if v.BodyBase64 != "" {
			body, _ = base64.StdEncoding.DecodeString(v.BodyBase64)
		}
		header, err := SignForTest(body, v.Secrets[0], WithScheme(schemes[v.Scheme]), WithID(v.IDHeader), At(time.Unix(v.Timestamp, 0)))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range v.Headers {
			if header.Get(name) != value {
				t.Errorf("%s: %s is %q, not %q", v.ID, name, header.Get(name), value)
			}
		}
	}
	if count < 5 {
		t.Errorf("only %d vectors", count)
	}
}

func TestAWrongSecretIsNoAttack(t *testing.T) {
	for _, secrets := range [][]string{{}, {""}, {"whsec_"}, {"whsec_ä"}, {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""}} {
		if err := Verify(http.Header{}, nil, secrets); !errors.Is(err, ErrMisconfigured) || errors.Is(err, ErrSignature) {
			t.Errorf("%q: %v", secrets, err)
		}
	}
}

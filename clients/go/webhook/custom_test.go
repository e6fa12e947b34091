package webhook

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"
)

type customVector struct {
	ID     string `json:"id"`
	Custom []struct {
		Header      string    `json:"header"`
		Algorithm   Algorithm `json:"algorithm"`
		Encoding    Encoding  `json:"encoding"`
		KeyEncoding Encoding  `json:"key_encoding"`
		Content     string    `json:"content"`
		Value       string    `json:"value"`
	} `json:"custom"`
	Secrets  []string          `json:"secrets"`
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	Method   string            `json:"method"`
	Path     string            `json:"path"`
	Now      int64             `json:"now"`
	Expected string            `json:"expected"`
}

func (v customVector) verify() error {
	header := http.Header{}
	for name, value := range v.Headers {
		header[name] = []string{value}
	}
	signatures := make([]CustomSignature, len(v.Custom))
	for i, one := range v.Custom {
		signatures[i] = CustomSignature(one)
	}
	options := []Option{At(time.Unix(v.Now, 0))}
	if v.Method != "" {
		options = append(options, WithMethod(v.Method))
	}
	if v.Path != "" {
		options = append(options, WithPath(v.Path))
	}
	return VerifyCustom(header, []byte(v.Body), v.Secrets, signatures, options...)
}

func TestEveryCustomVector(t *testing.T) {
	file, err := os.Open("../../../tests/fixtures/custom_signatures.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	expected := map[string]error{"valid": nil, "invalid": ErrSignature, "misconfigured": ErrMisconfigured}
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); count++ {
		var v customVector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		t.Run(v.ID, func(t *testing.T) {
			if err := v.verify(); !errors.Is(err, expected[v.Expected]) {
				t.Errorf("%s: %v", v.Expected, err)
			}
		})
	}
	if count < 56 {
		t.Fatalf("%d vectors", count)
	}
}

func TestAWordThatTheFieldDoesNotHaveIsRefused(t *testing.T) {
	for _, one := range []CustomSignature{
		{Header: "X-Signature", Algorithm: "MD5"},
		{Header: "X-Signature", Encoding: Text},
		{Header: "X-Signature", KeyEncoding: "text"},
	} {
		err := VerifyCustom(http.Header{}, nil, []string{"k"}, []CustomSignature{one})
		if !errors.Is(err, ErrMisconfigured) {
			t.Errorf("%+v: %v", one, err)
		}
	}
}

package tenterhook

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"
)

type jsonCase struct {
	Name      string            `json:"name"`
	JSON      *string           `json:"json"`
	But       map[string]string `json:"but"`
	RefusedBy []string          `json:"refused_by"`
	Absent    []string          `json:"absent"`
}

func jsonValues() map[string]any {
	loop := map[string]any{}
	loop["itself"] = loop
	beyond, _ := new(big.Int).SetString("18446744073709551617", 10)
	return map[string]any{
		"nan":                math.NaN(),
		"infinity":           math.Inf(1),
		"minus_infinity":     math.Inf(-1),
		"nan_inside":         map[string]any{"a": []float64{1.5, math.NaN()}},
		"nan_as_key":         map[float64]int{math.NaN(): 1},
		"beyond_2_53":        int64(1<<53 + 1),
		"beyond_2_63":        uint64(1 << 63),
		"beyond_2_64":        beyond,
		"integer_as_key":     map[int]string{7: "a"},
		"null_as_key":        map[any]int{nil: 1},
		"list_as_key":        map[[2]int]int{{1, 2}: 1},
		"bytes":              []byte{1, 255},
		"time":               time.Unix(0, 0).UTC(),
		"cycle":              loop,
		"half_a_pair":        "\xed\xa0\x80",
		"half_a_pair_as_key": map[string]int{"\xed\xa0\x80": 1},
		"replacement":        "\ufffd\\ufffd",
	}
}

// Every shared value of JSON: how it is written, or that it is refused.
func TestJSONValues(t *testing.T) {
	text, err := os.ReadFile("../../tests/fixtures/json_values.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []jsonCase
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatal(err)
	}
	for _, one := range cases {
		if slices.Contains(one.Absent, "go") {
			continue
		}
		value, isKnown := jsonValues()[one.Name]
		if !isKnown {
			t.Errorf("%s has no value here", one.Name)
			continue
		}
		wanted := one.JSON
		if but, isOther := one.But["go"]; isOther {
			wanted = &but
		}
		made, err := JSON(value)
		switch isRefused := wanted == nil || slices.Contains(one.RefusedBy, "go"); {
		case isRefused && err == nil:
			t.Errorf("%s is written as %s", one.Name, made.GetJson())
		case !isRefused && err != nil:
			t.Errorf("%s: %v", one.Name, err)
		case !isRefused && made.GetJson() != *wanted:
			t.Errorf("%s is %s, not %s", one.Name, made.GetJson(), *wanted)
		}
	}
}

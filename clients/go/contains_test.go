package tenterhook

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func protoName(name string) protoreflect.FullName { return protoreflect.FullName(name) }

// contains tells what of wanted is not in actual; clients/conformance/README.md has the rules.
func contains(actual, wanted any, place string) error {
	switch wanted := wanted.(type) {
	case step:
		inside, _ := actual.(step)
		for name, value := range wanted {
			if err := contains(inside[name], value, place+"."+name); err != nil {
				return err
			}
		}
	case []any:
		items, _ := actual.([]any)
		if len(items) != len(wanted) {
			return fmt.Errorf("%s: %d items, not %d: %v", place, len(items), len(wanted), items)
		}
		for i, value := range wanted {
			if err := contains(items[i], value, fmt.Sprintf("%s[%d]", place, i)); err != nil {
				return err
			}
		}
	default:
		return containsText(actual, text(wanted), place)
	}
	return nil
}

func containsText(actual any, wanted, place string) error {
	got := text(actual)
	pattern, isPattern := strings.CutPrefix(wanted, "~")
	switch {
	case wanted == "*" && isEmpty(actual):
		return fmt.Errorf("%s is empty", place)
	case wanted == "*":
		return nil
	case isPattern && !regexp.MustCompile(pattern).MatchString(got):
		return fmt.Errorf("%s: %q has no %q", place, got, pattern)
	case isPattern || got == wanted:
		return nil
	case (wanted == "" || wanted == "0" || wanted == "false") && isEmpty(actual):
		return nil
	}
	return fmt.Errorf("%s: %q is not %q", place, got, wanted)
}

func isEmpty(value any) bool {
	switch value := value.(type) {
	case step:
		return len(value) == 0
	case []any:
		return len(value) == 0
	}
	got := text(value)
	return got == "" || got == "0" || got == "false"
}

func text(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

func number(value any, otherwise int) int {
	if given, is := value.(float64); is {
		return int(given)
	}
	return otherwise
}

func at(value any, path string) any {
	for _, part := range strings.Split(path, ".") {
		switch inside := value.(type) {
		case step:
			value = inside[part]
		case []any:
			index, err := strconv.Atoi(part)
			if err != nil || index >= len(inside) {
				return nil
			}
			value = inside[index]
		}
	}
	return value
}

func TestContainsSeesWhatIsMissing(t *testing.T) {
	actual := step{"a": "text", "n": 3.0, "list": []any{step{"b": true}}}
	for _, wanted := range []any{
		step{"a": "text", "n": "3", "list": []any{step{"b": true}}}, step{"a": "*"}, step{"a": "~^te"}, step{"none": ""}, step{"none": false},
	} {
		if err := contains(actual, wanted, ""); err != nil {
			t.Error(err)
		}
	}
	for _, wanted := range []any{
		step{"a": "other"}, step{"none": "*"}, step{"a": "~^x"}, step{"a": ""}, step{"list": []any{}}, step{"list": []any{step{"b": false}}},
	} {
		if contains(actual, wanted, "") == nil {
			t.Error("not seen:", wanted)
		}
	}
}

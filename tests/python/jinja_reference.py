"""Renders templates with the real Jinja2, one JSON object a line, for the differential test.

Reads {"template", "context"} from standard input and answers {"output"} or {"error"}. The
environment is the one that NetBox renders webhooks with: a SandboxedEnvironment, all defaults.
"""

import json
import sys

from jinja2.sandbox import SandboxedEnvironment

ENVIRONMENT = SandboxedEnvironment()


def answer(line):
    request = json.loads(line)
    try:
        template = ENVIRONMENT.from_string(request["template"])
        output = template.render(**request["context"])
        output.encode("utf-8")
        return {"output": output}
    except Exception as error:  # whatever it is, it is the answer
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def main():
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Reads requests, one a line, by the Python SDK of CloudEvents, and writes what each says: its attributes and data."""

import json
import sys
from datetime import datetime

from cloudevents.core.bindings.http import HTTPMessage, from_http_event


def text(value):
    return value.isoformat() if isinstance(value, datetime) else value


for line in sys.stdin:
    request = json.loads(line)
    event = from_http_event(HTTPMessage(dict(request["headers"]), request["body"].encode()))
    attributes = {name: text(value) for name, value in event.get_attributes().items()}
    print(json.dumps({"attributes": attributes, "data": event.get_data()}))

"""Renders an export template as NetBox does, over objects that look like Django's. Reads the template, prints what it writes."""

import sys

from jinja2.sandbox import SandboxedEnvironment


class Model:
    def __init__(self, **fields):
        self.__dict__.update(fields)


class Related:
    """The manager of a relation."""

    def __init__(self, *objects):
        self.objects = objects

    def all(self):
        return list(self.objects)


SITE = Model(app_label="dcim", model="site")
HOOK = Model(pk=1, name='orders "ü" <a>', description="", payload_url="https://hooks.example.com/", http_method="POST",
    http_content_type="application/json", additional_headers="X-A: b\r\nX-C: d", body_template="{{ data }}\r\n&", secret="",
    ssl_verification=True, ca_file_path=None, tags=Related(Model(name="Core", slug="core")))
RULE = Model(pk=1, name="sites", description="", enabled=True, conditions={"attr": "name", "value": "x"}, event_types=["object_created"],
    action_type="webhook", action_object_id=1, action_object=HOOK, object_types=Related(SITE), tags=Related())
OLD = Model(pk=2, name="old", payload_url="https://old.example.com/", http_method="POST", additional_headers="", body_template="x",
    secret="", ssl_verification=True, ca_file_path=None, enabled=True, conditions=None, content_types=Related(SITE),
    type_create=True, type_update=False, type_delete=False, tags=Related())

template = SandboxedEnvironment().from_string(sys.stdin.read())
print(template.render(queryset=[HOOK, RULE, OLD]))

//! The export template for NetBox that writes what the import reads, for those without an API token.

/// A template for "Export templates" of the models webhook and event rule, in every version: it writes the fields that the
/// version has. `action_data` is left out, for the REST API has none.
pub(super) const EXPORT_TEMPLATE: &str = r#"{#- For "tenterhook import netbox". Assign it to the object types webhook and event rule; MIME type application/json. -#}
[{% for object in queryset %}{% if not loop.first %},{% endif %}

{"id": {{ object.pk }}
{%- for name in ["name", "description", "payload_url", "http_method", "http_content_type", "additional_headers", "body_template",
    "secret", "ssl_verification", "ca_file_path", "timeout", "enabled", "conditions", "event_types", "action_type", "action_object_id",
    "type_create", "type_update", "type_delete", "type_job_start", "type_job_end"] %}
{%- if object[name] is defined %}, {{ name|tojson }}: {{ object[name]|tojson }}{% endif %}
{%- endfor %}
{%- for name in ["content_types", "object_types"] if object[name] is defined %}, {{ name|tojson }}: [
{%- for type in object[name].all() %}{% if not loop.first %}, {% endif %}{{ (type.app_label ~ "." ~ type.model)|tojson }}{% endfor %}]
{%- endfor %}
{%- if object.action_object %}, "action_object": {"name": {{ object.action_object.name|default("")|tojson }}}{% endif %}
{%- if object.owner %}, "owner": {{ object.owner.name|tojson }}{% endif %}, "tags": [
{%- for tag in object.tags.all() %}{% if not loop.first %}, {% endif %}{"name": {{ tag.name|tojson }}, "slug": {{ tag.slug|tojson }}}{% endfor %}]}
{%- endfor %}
]
"#;

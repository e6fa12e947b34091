//! Compiling a webhook's request, with all its faults at once.

use std::sync::Arc;

use bytes::Bytes;
use tenterhook_jinja::python::text::is_space;
use tenterhook_jinja::{Mode, Undefined};
use tenterhook_model::url_secrets::secrets_of_url;
use tenterhook_model::webhook::{BodyFormat, HeaderTemplate, RequestTemplate};
use tenterhook_model::{Authentication, ClientCredentials, Fault, Header, TemplateVariables, limits};

use super::field::FieldOptions;
use super::hosts::HostPattern;
use super::name::{check_length, check_name, check_value};
use super::url::{self, UrlShape};
use super::{BodyPlan, CloudEventPlan, FieldTemplate, HeaderPlan, Part, RequestPlan, UrlPlan, block, cloud_event};

/// What Content-Type is when the webhook does not say, as in NetBox.
const DEFAULT_CONTENT_TYPE: &str = "application/json";
/// What User-Agent is when the webhook does not say.
const USER_AGENT: &str = concat!("Tenterhook/", env!("CARGO_PKG_VERSION"));

/// Compiles the request of a webhook whose signatures and authentication take the headers `taken`, and whose
/// templates may read `variables`.
///
/// # Errors
/// All faults, with paths within the request.
pub(crate) fn compile(
    request: &RequestTemplate,
    authentication: Option<&Authentication>,
    taken: Vec<String>,
    variables: &TemplateVariables,
) -> Result<RequestPlan, Vec<Fault>> {
    let undefined = if request.strict_undefined { Undefined::Strict } else { Undefined::Lenient };
    let mut compiler = Compiler { undefined, variables, taken: &taken, templates: Vec::new(), faults: Vec::new() };
    let allowed_hosts = compiler.allowed_hosts(&request.allowed_hosts);
    let url = compiler.url(&request.url, &allowed_hosts);
    let content_type = compiler.content_type(request);
    let first_headers = [Header::new("User-Agent", USER_AGENT), Header::new("Content-Type", content_type)];
    let block = compiler.block(&request.additional_headers);
    let headers = compiler.headers(&request.headers);
    let body = compiler.body(&request.body, request.body_format);
    let cloud_event = compiler.cloud_event(request);
    compiler.check_together(block.as_ref(), &headers);
    let Compiler { templates, faults, .. } = compiler;
    match (url, block, body) {
        (Some(url), Some(block), Some(body)) if faults.is_empty() => {
            let method = request.method;
            let (authorization, credentials) = authorization(authentication);
            Ok(RequestPlan {
                method,
                url,
                allowed_hosts,
                first_headers,
                block,
                headers,
                body,
                cloud_event,
                authorization,
                credentials,
                taken,
                masks: templates.iter().find_map(FieldTemplate::masks).cloned().unwrap_or_default(),
                templates,
            })
        }
        _ => Err(faults),
    }
}

/// The header that authenticates, as far as it is known, and what gets the rest.
fn authorization(authentication: Option<&Authentication>) -> (Option<Header>, Option<Arc<ClientCredentials>>) {
    match authentication {
        None => (None, None),
        Some(Authentication::Basic(basic)) => (Some(Header::basic(&basic.username, basic.password.expose())), None),
        Some(Authentication::OAuth2(credentials)) => {
            (Some(Header::bearer("").shown()), Some(Arc::new(credentials.clone())))
        }
    }
}

struct Compiler<'a> {
    undefined: Undefined,
    variables: &'a TemplateVariables,
    taken: &'a [String],
    templates: Vec<FieldTemplate>,
    faults: Vec<Fault>,
}

impl<'a> Compiler<'a> {
    fn options(&self, mode: Mode, is_secret: bool) -> FieldOptions<'a> {
        FieldOptions { mode, undefined: self.undefined, is_secret, variables: self.variables }
    }

    /// Compiles a template; `None` with its faults noted.
    fn template(&mut self, field: &str, source: &str, options: FieldOptions<'_>) -> Option<FieldTemplate> {
        FieldTemplate::compile(field, source, options).map_err(|faults| self.faults.extend(faults)).ok()
    }

    /// Keeps a template; gives its place.
    fn keep(&mut self, template: FieldTemplate) -> usize {
        self.templates.push(template);
        self.templates.len() - 1
    }

    fn fault(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault::invalid(field, message));
    }

    fn allowed_hosts(&mut self, texts: &[String]) -> Vec<HostPattern> {
        if texts.len() > limits::PATTERNS {
            let message = format!("has {} patterns; at most {} are allowed", texts.len(), limits::PATTERNS);
            self.fault("allowed_hosts", message);
            return Vec::new();
        }
        let mut hosts = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match HostPattern::parse(text) {
                Ok(host) => hosts.push(host),
                Err(message) => self.fault(format!("allowed_hosts[{index}]"), message),
            }
        }
        hosts
    }

    fn url(&mut self, source: &str, hosts: &[HostPattern]) -> Option<UrlPlan> {
        let options = self.options(Mode::Text, !secrets_of_url(source).is_empty());
        let shape = url::shape(source, hosts);
        if let Ok(UrlShape::Fixed(url)) = shape {
            return Some(UrlPlan::Fixed(url));
        }
        let template = self.template("url", source.trim_end(), options);
        let (shape, template) = match (shape, template) {
            (Ok(shape), Some(template)) => (shape, self.keep(template)),
            (Err(fault), Some(_)) => {
                self.faults.push(fault);
                return None;
            }
            // What is wrong with the template hides what it would say of the host.
            (_, None) => return None,
        };
        Some(match shape {
            UrlShape::Fixed(url) => UrlPlan::Fixed(url),
            UrlShape::FixedHost(literal) => UrlPlan::FixedHost { template, literal },
            UrlShape::Rendered { guard: None, port } => UrlPlan::Rendered { template, guard: None, port },
            UrlShape::Rendered { guard: Some(guard), port } => {
                let guard = self.template("url", &guard, options)?;
                UrlPlan::Rendered { template, guard: Some(self.keep(guard)), port }
            }
        })
    }

    fn content_type(&mut self, request: &RequestTemplate) -> String {
        let text = request.content_type.trim();
        if text.is_empty() {
            let is_envelope = request.body.is_empty() && request.body_format == BodyFormat::CloudEventsStructured;
            return if is_envelope { cloud_event::CONTENT_TYPE } else { DEFAULT_CONTENT_TYPE }.to_owned();
        }
        let checked = check_value(text).map_err(str::to_owned).and_then(|()| check_length("Content-Type", text));
        if let Err(message) = checked {
            self.fault("content_type", message);
        }
        text.to_owned()
    }

    fn block(&mut self, source: &str) -> Option<Part> {
        let field = "additional_headers";
        let template = self.template(field, source, self.options(Mode::HeaderBlock, block::has_secrets(source)))?;
        for message in block::check_outline(template.outline(), self.taken) {
            self.fault(field, message);
        }
        Some(match template.constant() {
            Some(text) => Part::Fixed(text.to_owned()),
            None => Part::Template(self.keep(template)),
        })
    }

    fn headers(&mut self, headers: &[HeaderTemplate]) -> Vec<HeaderPlan> {
        if headers.len() > limits::HEADERS {
            let message = format!("has {} headers; at most {} are allowed", headers.len(), limits::HEADERS);
            self.fault("headers", message);
            return Vec::new();
        }
        let mut plans = Vec::with_capacity(headers.len());
        for (index, header) in headers.iter().enumerate() {
            let name = &header.name;
            if let Err(message) = check_name(name, self.taken) {
                self.fault(format!("headers[{index}].name"), message);
            } else if headers[..index].iter().any(|before| before.name.eq_ignore_ascii_case(name)) {
                self.fault(format!("headers[{index}].name"), format!("has the name `{name}` a second time"));
            }
            if let Some(value) = self.header_value(index, header) {
                let reads = matches!(value, Part::Template(at) if self.templates[at].variables().is_some());
                let sensitive = reads || header.is_sensitive();
                plans.push(HeaderPlan { name: name.clone().into(), value, sensitive });
            }
        }
        plans
    }

    fn header_value(&mut self, index: usize, header: &HeaderTemplate) -> Option<Part> {
        let field = format!("headers[{index}].value");
        let options = self.options(Mode::HeaderValue, header.is_sensitive());
        let template = self.template(&field, header.value.expose(), options)?;
        let Some(text) = template.constant() else {
            let written = template.outline().replace(block::PRINTED, "");
            if let Err(message) = check_value(written.trim_matches(is_space)) {
                self.fault(field, message);
                return None;
            }
            return Some(Part::Template(self.keep(template)));
        };
        let text = text.trim_matches(is_space).to_owned();
        let checked = check_value(&text).map_err(str::to_owned).and_then(|()| check_length(&header.name, &text));
        if let Err(message) = checked {
            self.fault(field, message);
        }
        Some(Part::Fixed(text))
    }

    /// The limits on all headers together, as far as they stand in the text.
    fn check_together(&mut self, block: Option<&Part>, headers: &[HeaderPlan]) {
        let Some(Part::Fixed(text)) = block else { return };
        let mut written: Vec<(&str, usize)> = Vec::new();
        let of_headers = headers.iter().map(|plan| {
            let value = if let Part::Fixed(value) = &plan.value { value.len() } else { 0 };
            (&*plan.name, value)
        });
        for (name, value) in block::headers(text).map(|(name, value)| (name, value.len())).chain(of_headers) {
            match written.iter_mut().find(|(before, _)| before.eq_ignore_ascii_case(name)) {
                Some(before) => before.1 = value,
                None => written.push((name, value)),
            }
            if written.len() > limits::HEADERS {
                let message = format!("has more headers than {} with those of `headers`", limits::HEADERS);
                self.fault("additional_headers", message);
                return;
            }
        }
        let bytes: usize = written.iter().map(|(name, value)| name.len() + value).sum();
        if bytes > limits::HEADERS_BYTES {
            let message = format!("are {bytes} bytes together; at most {} are allowed", limits::HEADERS_BYTES);
            self.fault("headers", message);
        }
    }

    fn body(&mut self, source: &str, format: BodyFormat) -> Option<BodyPlan> {
        if source.is_empty() {
            return Some(match format {
                BodyFormat::CloudEventsStructured => BodyPlan::CloudEvent,
                format => BodyPlan::Default(format),
            });
        }
        let template = self.template("body", source, self.options(Mode::Text, false))?;
        Some(match template.constant() {
            Some(text) => BodyPlan::Fixed(Bytes::copy_from_slice(text.as_bytes())),
            None => BodyPlan::Template(self.keep(template)),
        })
    }

    /// How a CloudEvent is sent, if one is. The template of its source is checked anyway.
    fn cloud_event(&mut self, request: &RequestTemplate) -> Option<CloudEventPlan> {
        let is_binary = request.body_format == BodyFormat::CloudEventsBinary;
        let is_sent =
            is_binary || (request.body_format == BodyFormat::CloudEventsStructured && request.body.is_empty());
        let source = &request.cloudevents_source;
        let source = match source.is_empty() {
            true => None,
            false => {
                let template = self.template("cloudevents_source", source, self.options(Mode::Text, false))?;
                Some(match template.constant() {
                    Some(text) => Part::Fixed(text.to_owned()),
                    None if is_sent => Part::Template(self.keep(template)),
                    None => return None,
                })
            }
        };
        if let Some(Part::Fixed(text)) = &source
            && let Err(message) = cloud_event::check_source(text)
        {
            self.fault("cloudevents_source", message);
        }
        is_sent.then_some(CloudEventPlan { is_binary, source })
    }
}

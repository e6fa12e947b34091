//! What a token server answers (RFC 6749 sections 5.1 and 5.2), read forgivingly.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tenterhook_model::{CapturedResponse, ClientCredentials, Header, harmless_line, limits};
use tokio::time::Instant;

use super::absent::Failure;
use super::form;

/// How long a token is kept when its life is not known.
const UNKNOWN_LIFE: Duration = Duration::from_secs(300);
/// The longest that a token is kept whatever it says.
const LONGEST: Duration = limits::ACCESS_TOKEN_KEPT;
/// Share of its life after which a token is replaced.
const USED_SHARE: f64 = 0.9;
/// Characters of `error` and of `error_description` that are shown.
const SHOWN_CHARS: usize = 120;

/// An access token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The token as it is sent.
    pub(crate) value: Arc<str>,
    /// When it is no longer used.
    pub(crate) until: Instant,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("value", &"***").field("until", &self.until).finish()
    }
}

impl Token {
    /// The header that carries it.
    pub(crate) fn header(&self) -> Header {
        Header::bearer(&self.value)
    }
}

/// Reads the answer to a token request with `credentials`.
///
/// # Errors
/// When there is no token in it that can be sent.
pub(crate) fn read(answer: &CapturedResponse, credentials: &ClientCredentials) -> Result<Token, Failure> {
    if answer.body_truncated {
        let limit = limits::ANSWER_READ_BYTES / 1_024;
        return Err(Failure::new(format!("the token server's answer is larger than {limit} KiB")));
    }
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_success = (200..300).contains(&answer.status);
    let Some(token) = json["access_token"].as_str().filter(|token| is_success && !token.is_empty()) else {
        return Err(Failure::new(refusal(answer, &json, credentials)));
    };
    if json["token_type"].as_str().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(Failure::new("the token server gave a token of another type than Bearer"));
    }
    let header = Header::bearer(token);
    let is_sendable = token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sendable || header.name.len() + header.value.len() > limits::HEADER_BYTES {
        return Err(Failure::new("the token server gave a token that cannot be sent in a header"));
    }
    Ok(Token { value: token.into(), until: Instant::now() + kept(&json["expires_in"]) })
}

/// How long a token is kept that says this of its life.
fn kept(expires_in: &Value) -> Duration {
    let seconds = expires_in.as_f64().or_else(|| expires_in.as_str()?.trim().parse().ok());
    match seconds.filter(|seconds: &f64| seconds.is_finite()) {
        None => UNKNOWN_LIFE,
        Some(seconds) => Duration::try_from_secs_f64(seconds.max(0.0) * USED_SHARE).unwrap_or(LONGEST).min(LONGEST),
    }
}

/// What the token server says instead of giving a token.
fn refusal(answer: &CapturedResponse, json: &Value, credentials: &ClientCredentials) -> String {
    let status = StatusCode::from_u16(answer.status).ok().and_then(|status| status.canonical_reason());
    let mut text = format!("the token server answered {} {}", answer.status, status.unwrap_or_default());
    text.truncate(text.trim_end().len());
    if (300..400).contains(&answer.status) {
        text.push_str("; redirects are not followed");
    }
    let say = |name: &str| json[name].as_str().filter(|said| !said.is_empty()).map(|said| shown(said, credentials));
    match (say("error"), say("error_description")) {
        (Some(error), Some(description)) => format!("{text}: {error} ({description})"),
        (Some(said), None) | (None, Some(said)) => format!("{text}: {said}"),
        (None, None) if (200..300).contains(&answer.status) && json.is_object() => {
            format!("{text} without an access token")
        }
        (None, None) if (200..300).contains(&answer.status) => {
            format!("{text} without an access token: its body is not a JSON object")
        }
        (None, None) => text,
    }
}

/// A text of the token server's, cut, without the secrets that it was sent.
fn shown(said: &str, credentials: &ClientCredentials) -> String {
    let mut said = said.to_owned();
    form::secrets(credentials).mask_text(&mut said);
    harmless_line(&said).chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use tenterhook_model::{ClientProof, Secret};

    fn credentials() -> ClientCredentials {
        ClientCredentials {
            token_url: "https://auth.example.com/token".into(),
            client_id: "c".into(),
            proof: ClientProof::Post(Secret::new("hunter2")),
            scopes: Vec::new(),
            audience: String::new(),
            parameters: Default::default(),
        }
    }

    fn answered(status: u16, body: &str) -> Result<Token, String> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = CapturedResponse { status, headers: Vec::new(), body, body_truncated: false, note: String::new() };
        read(&answer, &credentials()).map_err(|failure| failure.text)
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_kept_for_nine_tenths_of_its_life() {
        for (expires_in, millis) in [
            (r#","expires_in":3600"#, 3_240_000),
            (r#","expires_in":"3600""#, 3_240_000),
            (r#","expires_in":1"#, 900),
            (r#","expires_in":0"#, 0),
            (r#","expires_in":-5"#, 0),
            (r#","expires_in":1e99"#, 86_400_000),
            (r#","expires_in":null"#, 300_000),
            (r#","expires_in":"soon""#, 300_000),
            ("", 300_000),
        ] {
            let token =
                answered(200, &format!(r#"{{"access_token":"abc","token_type":"bearer"{expires_in}}}"#)).unwrap();
            assert_eq!(
                (&*token.value, token.until),
                ("abc", Instant::now() + Duration::from_millis(millis)),
                "{expires_in}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_form_of_a_secret_that_the_token_server_sends_back_is_passed_on() {
        let mut credentials = credentials();
        credentials.proof = ClientProof::Basic(Secret::new("hunter 2%"));
        credentials.parameters =
            [("password".into(), "corr3ct horse".into()), ("resource".into(), "open".into())].into();
        credentials.token_url = "https://auth.example.com/token?api_key=k3y+k3y".into();
        for echo in [
            "client_secret=hunter+2%25",
            "hunter 2%",
            "Basic YzpodW50ZXIrMiUyNQ==",
            "password=corr3ct+horse",
            "no such page: /token?api_key=k3y+k3y",
        ] {
            let body =
                serde_json::json!({"error": "invalid_client", "error_description": format!("{echo} resource=open")});
            let answer = CapturedResponse {
                status: 401,
                headers: Vec::new(),
                body: Bytes::from(body.to_string()),
                body_truncated: false,
                note: String::new(),
            };
            let text = read(&answer, &credentials).unwrap_err().text;
            assert!(text.contains("***") && text.contains("resource=open"), "{text}");
            assert!(!["hunter", "YzpodW50", "horse", "k3y"].iter().any(|part| text.contains(part)), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_passed_on_without_the_secret() {
        let body = r#"{"error":"invalid_client","error_description":"hunter2 is\nwrong"}"#;
        let text = answered(401, body).unwrap_err();
        assert!(text.starts_with("the token server answered 401 Unauthorized: invalid_client (*** is"), "{text}");
        assert!(!text.contains('\n') && !text.contains("hunter2"), "{text}");
        let long = answered(400, &format!(r#"{{"error":"{0}","error_description":"{0}"}}"#, "x".repeat(5_000)));
        assert!(long.unwrap_err().chars().count() <= 300);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_token_is_refused_and_never_shown() {
        for (status, body, words) in [
            (302, "", "answered 302 Found; redirects are not followed"),
            (500, "oops", "answered 500 Internal Server Error"),
            (200, "oops", "answered 200 OK without an access token: its body is not a JSON object"),
            (200, "access_token=hunter2&token_type=bearer", "its body is not a JSON object"),
            (200, r#"[{"access_token":"hunter2"}]"#, "its body is not a JSON object"),
            (200, r#"{"access_token":123}"#, "answered 200 OK without an access token"),
            (200, r#"{"access_token":""}"#, "without an access token"),
            (200, r#"{"error":"bad_verification_code"}"#, "answered 200 OK: bad_verification_code"),
            (400, r#"{"access_token":"hunter2"}"#, "answered 400 Bad Request"),
            (200, r#"{"access_token":"hunter2","token_type":"mac"}"#, "another type than Bearer"),
            (200, r#"{"access_token":"hunter2\r\nX: y"}"#, "cannot be sent in a header"),
        ] {
            let text = answered(status, body).unwrap_err();
            assert!(text.contains(words) && !text.contains("hunter2"), "{text}");
        }
        let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(limits::HEADER_BYTES));
        assert!(answered(200, &long).unwrap_err().contains("cannot be sent"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_not_printed() {
        assert!(!format!("{:?}", answered(200, r#"{"access_token":"hunter2"}"#)).contains("hunter2"));
    }
}

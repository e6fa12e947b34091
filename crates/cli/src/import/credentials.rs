//! Credentials in URLs and header lines of other systems, which become headers that are kept secret here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use tenterhook_client::v1::HeaderTemplate;
use tenterhook_model::sensitive::is_sensitive_header;

/// A URL without its user and password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) url: String,
    /// The value of `Authorization` that NetBox makes of them.
    pub(super) authorization: Option<String>,
    /// Whether there was something before the `@`.
    pub(super) had_user: bool,
}

/// Takes user and password out of `url` as `requests` does for NetBox: both or none, percent-decoded, in Latin-1.
///
/// # Errors
/// When they have characters that NetBox cannot send either.
pub(super) fn split(url: &str) -> Result<Split, &'static str> {
    let unchanged = Split { url: url.to_owned(), authorization: None, had_user: false };
    let Some(start) = url.find("://").map(|at| at + 3) else { return Ok(unchanged) };
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |end| start + end);
    let Some(at) = url[start..end].rfind('@').map(|at| start + at) else { return Ok(unchanged) };
    let user = &url[start..at];
    if user.contains("{{") {
        // The server says what to do instead.
        return Ok(unchanged);
    }
    let bare = format!("{}{}", &url[..start], &url[at + 1..]);
    let Some((name, password)) = user.split_once(':') else {
        return Ok(Split { url: bare, authorization: None, had_user: true });
    };
    let wrong = "has a user or password that is not Latin-1; NetBox cannot send it either";
    let decode = |part| percent_decode_str(part).decode_utf8().map_err(|_| wrong);
    let text = format!("{}:{}", decode(name)?, decode(password)?);
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let authorization = Some(format!("Basic {}", BASE64.encode(latin.ok_or(wrong)?)));
    Ok(Split { url: bare, authorization, had_user: true })
}

/// The lines of `block` that hold no secret, and those that do as headers. A block whose lines depend on each other
/// stays as it is; the server masks its secrets too.
pub(super) fn take_out(block: &str) -> (String, Vec<HeaderTemplate>) {
    if block.contains("{%") || block.contains("{#") {
        return (block.to_owned(), Vec::new());
    }
    let mut secret: Vec<HeaderTemplate> = Vec::new();
    let mut open = String::new();
    for line in block.split_inclusive('\n') {
        match sensitive(line) {
            // As in NetBox, the last of a name wins.
            Some(header) => {
                secret.retain(|other| !other.name.eq_ignore_ascii_case(&header.name));
                secret.push(header);
            }
            None => open.push_str(line),
        }
    }
    if block.matches("{{").count() != block.matches("}}").count()
        || open.matches("{{").count() != open.matches("}}").count()
    {
        return (block.to_owned(), Vec::new());
    }
    (open, secret)
}

/// The header of a line, if its name is that of a secret.
fn sensitive(line: &str) -> Option<HeaderTemplate> {
    let (name, value) = line.split_once(':')?;
    let (name, value) = (name.trim(), value.trim());
    let is_whole = line.matches("{{").count() == line.matches("}}").count();
    let is_secret = is_sensitive_header(name) && !name.contains('{') && !value.is_empty() && is_whole;
    is_secret.then(|| HeaderTemplate { name: name.to_owned(), value: value.to_owned(), sensitive: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_become_a_header() {
        let found = split("https://jo%40x:p%3aw%C3%BC@hooks.example.com/a@b").unwrap();
        assert_eq!(found.url, "https://hooks.example.com/a@b");
        // `jo@x:p:wü`, in Latin-1.
        assert_eq!(found.authorization.unwrap(), "Basic am9AeDpwOnf8");
        // `jo:%+5%4`: without two digits a percent sign is one.
        assert_eq!(split("https://jo:%+5%4@a.example.com").unwrap().authorization.unwrap(), "Basic am86JSs1JTQ=");
        assert_eq!(split("https://a.example.com/?x=u:p@b").unwrap().url, "https://a.example.com/?x=u:p@b");
    }

    #[test]
    fn a_user_without_password_is_not_sent_as_in_netbox() {
        let found = split("https://jo@hooks.example.com").unwrap();
        assert_eq!(found, Split { url: "https://hooks.example.com".into(), authorization: None, had_user: true });
        assert!(split("https://jo:%E2%82%AC@x.example.com").is_err(), "the euro sign is not in Latin-1");
        assert!(split("https://jo:%FF@x.example.com").is_err());
        assert!(!split("https://{{ a }}:b@x.example.com").unwrap().had_user);
    }

    #[test]
    fn secret_lines_leave_the_block_unless_lines_depend_on_each_other() {
        let (open, secret) = take_out(
            "X-Site: ams\r\nAuthorization: Token old\r\nx-api-key: {{ data.key }}\r\nauthorization: Token abc\r\n",
        );
        assert_eq!(open, "X-Site: ams\r\n");
        let pairs: Vec<(&str, &str)> = secret.iter().map(|h| (h.name.as_str(), h.value.as_str())).collect();
        assert_eq!(pairs, [("x-api-key", "{{ data.key }}"), ("authorization", "Token abc")]);
        for block in [
            "{% if a %}\nAuthorization: b\n{% endif %}",
            "Authorization: {{\n a }}",
            "Authorization:",
            "{{ a }}-Token: b",
        ] {
            assert_eq!(take_out(block), (block.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn a_url_without_credentials_stays_as_it_is() {
        for url in [
            "",
            "no url",
            "https://a.example.com",
            "https://a.example.com/x@y",
            "https://a.example.com?u:p@b",
            "https://a.example.com#u:p@b",
            "a:b@c",
        ] {
            let unchanged = Split { url: url.to_owned(), authorization: None, had_user: false };
            assert_eq!(split(url), Ok(unchanged), "{url}");
        }
    }

    #[test]
    fn the_last_sign_before_the_path_ends_the_credentials() {
        for (url, bare, credentials) in [
            ("https://u:p@a.example.com", "https://a.example.com", "u:p"),
            ("https://u:p@q@a.example.com/x", "https://a.example.com/x", "u:p@q"),
            ("https://u:p:q@a.example.com:8443?x", "https://a.example.com:8443?x", "u:p:q"),
            ("https://:@a.example.com", "https://a.example.com", ":"),
            ("https://u:@a.example.com", "https://a.example.com", "u:"),
            ("https://u%2Fx:p%25@a.example.com", "https://a.example.com", "u/x:p%"),
        ] {
            let found = split(url).unwrap();
            assert_eq!((&*found.url, found.had_user), (bare, true), "{url}");
            assert_eq!(found.authorization, Some(format!("Basic {}", BASE64.encode(credentials))), "{url}");
        }
        let empty = split("https://@a.example.com").unwrap();
        assert_eq!((&*empty.url, empty.authorization, empty.had_user), ("https://a.example.com", None, true));
    }

    #[test]
    fn lines_without_a_secret_stay_byte_for_byte() {
        for block in ["", "X-A: 1", "X-A: 1\r\n\r\nX-B:2\n", "not a header\n", "X-Token-{{ a }}: b"] {
            assert_eq!(take_out(block), (block.to_owned(), Vec::new()), "{block:?}");
        }
        let (open, secret) = take_out("X-A: 1\nAuthorization:  Bearer {{ a }} \nX-B: 2");
        assert_eq!(open, "X-A: 1\nX-B: 2");
        let header = HeaderTemplate { name: "Authorization".into(), value: "Bearer {{ a }}".into(), sensitive: true };
        assert_eq!(secret, [header]);
    }
}

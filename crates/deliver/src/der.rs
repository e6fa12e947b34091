//! Reads of an X.509 certificate (RFC 5280 section 4.1) what its owner has to know of it.
//!
//! webpki verifies certificates, and refuses to look at those that it would not accept. A
//! certificate that the owner of a webhook names is trusted whatever its shape, and an error says
//! what a certificate holds, so both need a reader that only reads.

use tenterhook_model::Timestamp;

/// Characters of a name that are shown.
const NAME_CHARS: usize = 64;
/// Names of a certificate that are read; more are of no use in an error.
const NAMES: usize = 32;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`: the version of a certificate.
const VERSION: u8 = 0xa0;
/// `[3]`: its extensions.
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.17, the subject's alternative names.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
/// `[2]` and `[7]` in them: a DNS name and an address.
const DNS_NAME: u8 = 0x82;
const ADDRESS: u8 = 0x87;
/// 2.5.4.3 and 2.5.4.10, common name and organisation.
const NAME_PARTS: [&[u8]; 2] = [&[0x55, 0x04, 0x03], &[0x55, 0x04, 0x0a]];

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// 1 or 3.
    pub(crate) version: u8,
    /// Who signed it, in DER.
    pub(crate) issuer: Vec<u8>,
    /// Whose it is, in DER.
    pub(crate) subject: Vec<u8>,
    /// The time from which it is valid.
    pub(crate) not_before: Timestamp,
    /// The time until which it is valid.
    pub(crate) not_after: Timestamp,
    /// Its public key, in DER.
    pub(crate) public_key: Vec<u8>,
    /// The hosts that it is for: DNS names and addresses. Empty for those that name theirs only in
    /// the subject, as was usual once.
    pub(crate) names: Vec<String>,
}

impl Facts {
    /// Reads a certificate; `None` when it is none.
    pub(crate) fn read(certificate: &[u8]) -> Option<Self> {
        let mut outer = Reader(certificate);
        let mut whole = Reader(outer.take(SEQUENCE)?);
        let mut body = Reader(whole.take(SEQUENCE)?);
        let version = match body.maybe(VERSION) {
            Some(inner) => Reader(inner).take(INTEGER)?.last()?.checked_add(1)?,
            None => 1,
        };
        body.take(INTEGER)?;
        body.take(SEQUENCE)?;
        let issuer = body.take(SEQUENCE)?.to_vec();
        let mut validity = Reader(body.take(SEQUENCE)?);
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        let subject = body.take(SEQUENCE)?.to_vec();
        let public_key = body.take_whole(SEQUENCE)?.to_vec();
        let names = names(&mut body).unwrap_or_default();
        Some(Self { version, issuer, subject, not_before, not_after, public_key, names })
    }

    /// Whether it is signed by its own subject, as far as its names say.
    pub(crate) fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }

    /// Who signed it, to be shown; empty when no part of the name can be.
    pub(crate) fn issuer_name(&self) -> String {
        NAME_PARTS.iter().find_map(|part| name_part(&self.issuer, part)).unwrap_or_default()
    }
}

/// The certificate at the start of `der`, without what follows it.
pub(crate) fn first(der: &[u8]) -> Option<&[u8]> {
    Reader(der).take_whole(SEQUENCE)
}

/// Values of DER one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next value: its tag, its content and all of it.
    fn next(&mut self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if *first & 0x80 != 0 {
            let (bytes, after) = rest.split_at_checked(usize::from(*first & 0x7f))?;
            // Four bytes of length are more than any certificate has.
            if bytes.is_empty() || bytes.len() > 4 {
                return None;
            }
            length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, after) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Some((*tag, content, whole))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _, _)| *found == tag).map(|(_, content, _)| content)
    }

    fn take_whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _, _)| *found == tag).map(|(_, _, whole)| whole)
    }

    /// The content of the next value if it has this tag.
    fn maybe(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) { self.take(tag) } else { None }
    }
}

/// UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 has them.
fn time(reader: &mut Reader<'_>) -> Option<Timestamp> {
    let (tag, text, _) = reader.next()?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = digits(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => text.split_at_checked(4).and_then(|(year, rest)| Some((digits(year)?, rest)))?,
        _ => return None,
    };
    let part = |at: usize| digits(rest.get(at..at + 2)?);
    let (month, day) = (part(0)?, part(2)?);
    let seconds = part(4)? * 3_600 + part(6)? * 60 + part(8)?;
    if rest.len() != 10 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Timestamp::new(days(year, month, day) * 86_400 + seconds, 0)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, which begins its years in March
/// here so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// The date of a time in UTC, such as `2026-11-27`.
pub(crate) fn date(time: Timestamp) -> String {
    // The inverse of `days`, from the era of 400 years that the day is in.
    let day = time.seconds().div_euclid(86_400) + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year)
}

/// The hosts in the extensions that follow.
fn names(body: &mut Reader<'_>) -> Option<Vec<String>> {
    while let Some((tag, content, _)) = body.next() {
        if tag != EXTENSIONS {
            continue;
        }
        let mut extensions = Reader(Reader(content).take(SEQUENCE)?);
        while let Some((_, extension, _)) = extensions.next() {
            let mut extension = Reader(extension);
            if extension.take(OBJECT_ID)? != ALTERNATIVE_NAMES {
                continue;
            }
            // The value is the last; before it there may be whether the extension is critical.
            let mut value = extension.next()?;
            if let Some(next) = extension.next() {
                value = next;
            }
            let mut names = Reader(Reader(value.1).take(SEQUENCE)?);
            return Some(std::iter::from_fn(|| names.next()).filter_map(host).take(NAMES).collect());
        }
    }
    None
}

fn host((tag, content, _): (u8, &[u8], &[u8])) -> Option<String> {
    match (tag, content.len()) {
        (DNS_NAME, _) => std::str::from_utf8(content).ok().map(shown),
        (ADDRESS, 4) => <[u8; 4]>::try_from(content).ok().map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
        (ADDRESS, 16) => <[u8; 16]>::try_from(content).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        _ => None,
    }
}

/// The first value of this kind in a name.
fn name_part(name: &[u8], kind: &[u8]) -> Option<String> {
    let mut sets = Reader(name);
    while let Some(set) = sets.take(SET) {
        let mut pair = Reader(Reader(set).take(SEQUENCE)?);
        if pair.take(OBJECT_ID)? == kind {
            return pair.next().and_then(|(_, text, _)| std::str::from_utf8(text).ok().map(shown));
        }
    }
    None
}

/// A text of a certificate as it may be shown: short, and visible ASCII.
fn shown(text: &str) -> String {
    text.chars().take(NAME_CHARS).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    fn facts(params: CertificateParams) -> Facts {
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Facts::read(certificate.der()).unwrap()
    }

    #[test]
    fn a_certificate_is_read() {
        let mut params = CertificateParams::new(vec!["a.example.com".into(), "192.0.2.7".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "The\nName");
        (params.not_before, params.not_after) = (date_time_ymd(1999, 12, 31), date_time_ymd(2051, 3, 1));
        let facts = facts(params);
        assert_eq!((facts.version, facts.issuer_name().as_str(), facts.is_self_signed()), (3, "The?Name", true));
        assert_eq!((facts.not_before.seconds(), facts.not_after.seconds()), (946_598_400, 2_561_241_600));
        assert_eq!(facts.names, ["a.example.com", "192.0.2.7"]);
    }

    #[test]
    fn a_certificate_without_names_has_none() {
        assert_eq!(facts(CertificateParams::default()).names, [""; 0]);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (date, expected) in
            [((1970, 1, 1), 0), ((2000, 2, 29), 11_016), ((2000, 3, 1), 11_017), ((1969, 12, 31), -1)]
        {
            assert_eq!(days(date.0, date.1, date.2), expected, "{date:?}");
            let text = format!("{:04}-{:02}-{:02}", date.0, date.1, date.2);
            assert_eq!(super::date(Timestamp::from_millis(expected * 86_400_000)), text);
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_no_panic() {
        let params = CertificateParams::new(vec!["a.example.com".into()]).unwrap();
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        for end in 0..der.len() {
            assert_eq!(Facts::read(&der[..end]), None, "{end}");
        }
        for at in 0..der.len() {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = der.clone();
                changed[at] = byte;
                let _ = Facts::read(&changed);
            }
        }
    }
}

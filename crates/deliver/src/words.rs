//! Errors of TLS and HTTP/2 in our own words, which say what to do.
//!
//! The texts of the libraries are for programmers and may hold what a peer sent, so none of
//! them is passed on.

use rustls::{AlertDescription as Alert, CertificateError, Error, OtherError};

use crate::untrusted::Untrusted;

/// A failure of TLS.
pub(crate) fn tls(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(reason))) => {
            let untrusted = reason.downcast_ref::<Untrusted>();
            untrusted.map_or_else(|| Untrusted::Unreadable.to_string(), ToString::to_string)
        }
        Error::InvalidCertificate(_) => Untrusted::Unreadable.to_string(),
        Error::AlertReceived(alert) => self::alert(*alert).to_owned(),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
            "the receiver does not speak TLS on this port; if it speaks plain HTTP there, use an http URL".to_owned()
        }
        Error::PeerIncompatible(_) => {
            "the receiver has no TLS version, cipher or key in common with this server, which speaks TLS 1.2 and 1.3"
                .to_owned()
        }
        Error::NoCertificatesPresented => "the receiver shows no certificate".to_owned(),
        Error::DecryptError | Error::PeerSentOversizedRecord => "the receiver sent damaged TLS records".to_owned(),
        Error::PeerMisbehaved(_) => "the receiver broke the rules of TLS".to_owned(),
        _ => "TLS could not be set up with the receiver".to_owned(),
    }
}

/// What the receiver says ends TLS (RFC 8446 section 6.2).
fn alert(alert: Alert) -> &'static str {
    match alert {
        Alert::CertificateRequired | Alert::NoCertificate => {
            "the receiver wants a client certificate; set client_certificate_pem and client_private_key_pem"
        }
        Alert::UnknownCA => {
            "the receiver does not trust the authority of client_certificate_pem; have it trusted there, or send one of \
             another authority with its intermediate certificates"
        }
        Alert::CertificateExpired => "the receiver says that client_certificate_pem has expired; renew it",
        Alert::CertificateRevoked => "the receiver says that client_certificate_pem is revoked; replace it",
        Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown | Alert::AccessDenied => {
            "the receiver refused the client certificate, or wants one; check client_certificate_pem"
        }
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "the receiver refused the handshake: it has no cipher in common with this server, or wants a client \
             certificate (client_certificate_pem)"
        }
        Alert::ProtocolVersion => {
            "the receiver refuses TLS 1.2 and 1.3, which this server speaks; enable one of them there"
        }
        Alert::UnrecognisedName => "the receiver does not serve the host of this URL; check the URL",
        Alert::NoApplicationProtocol => "the receiver speaks neither HTTP/1.1 nor HTTP/2 there",
        Alert::UserCanceled | Alert::CloseNotify => "the receiver closed the connection",
        _ => "the receiver ended it with an alert",
    }
}

/// The name of an HTTP/2 error (RFC 9113 section 7).
pub(crate) fn http2(reason: h2::Reason) -> &'static str {
    match u32::from(reason) {
        0 => "NO_ERROR",
        1 => "PROTOCOL_ERROR",
        2 => "INTERNAL_ERROR",
        3 => "FLOW_CONTROL_ERROR",
        4 => "SETTINGS_TIMEOUT",
        5 => "STREAM_CLOSED",
        6 => "FRAME_SIZE_ERROR",
        7 => "REFUSED_STREAM",
        8 => "CANCEL",
        9 => "COMPRESSION_ERROR",
        10 => "CONNECT_ERROR",
        11 => "ENHANCE_YOUR_CALM",
        12 => "INADEQUATE_SECURITY",
        13 => "HTTP_1_1_REQUIRED",
        _ => "of an unknown number",
    }
}

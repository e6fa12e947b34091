//! How a node knows another one: both have the sealing key, and each proves it on every connection
//! before the first byte of HTTP.
//!
//! ```text
//! the node that forwards                          the node that serves
//!   HELLO ‖ a            ───────────────────────▶
//!                        ◀───────────────────────  b ‖ HMAC(key, "serves" ‖ a ‖ b ‖ binding)
//!   length ‖ caller ‖ HMAC(key, "forwards" ‖ a ‖ b ‖ binding ‖ caller) ───▶
//!   HTTP/2 …             ───────────────────────▶
//! ```
//! `a` and `b` are random and used once, so nothing that was overheard can be said again, and no clock
//! matters. Over TLS, `binding` is a secret of the session (RFC 9266), so a machine between the two cannot
//! pass the proof on; without TLS it is empty.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustls::{ClientConnection, ServerConnection};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tenterhook_fleet::Joining;
use tenterhook_model::Entropy;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What the connection of a node begins with. No method of HTTP begins with NUL, and neither does TLS.
pub(crate) const HELLO: &[u8; 19] = b"\0tenterhook node 1\n";
/// What keeps this key apart from the others that are made of the sealing key.
const PURPOSE: &[u8] = b"tenterhook nodes v1";
/// The two sides of a proof.
const SERVES: &[u8] = b"serves";
const FORWARDS: &[u8] = b"forwards";
/// The label of what binds a proof to a session of TLS 1.3 (RFC 9266 section 2).
const BINDING_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
/// Bytes of a nonce, of a tag and of a binding.
const NONCE_BYTES: usize = 32;
const TAG_BYTES: usize = 32;
const BINDING_BYTES: usize = 32;
/// Bytes of what is said of a caller: the names of a certificate are most of it, and TLS bounds those.
const CALLER_BYTES_MAX: usize = 64 * 1024;

/// The key that the nodes of one database prove to each other.
#[derive(Clone)]
pub(crate) struct NodeKey([u8; TAG_BYTES]);

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(***)")
    }
}

impl NodeKey {
    /// The key that follows from the bytes of the sealing key.
    pub(crate) fn of_sealing(bytes: &[u8]) -> Self {
        Self(Sha256::new().chain_update(PURPOSE).chain_update(bytes).finalize().into())
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in parts {
            // Each with its length, so that no bytes can count for another part.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
        self.mac(parts).finalize().into_bytes().into()
    }

    fn proves(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.mac(parts).verify_slice(tag).is_ok()
    }
}

/// Who calls, as the node that the client has connected to knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Where the client's connection comes from.
    pub(crate) peer: SocketAddr,
    /// The names of its verified certificate.
    pub(crate) names: Vec<String>,
    /// Whether it speaks HTTP/1.1.
    pub(crate) is_http1: bool,
    /// Set where the caller is the node itself, and offers to make attempts.
    pub(crate) joining: Option<Joining>,
}

impl Caller {
    /// Another node at `peer`, for itself.
    pub(super) fn node(peer: SocketAddr, joining: Option<Joining>) -> Self {
        Self { peer, names: Vec::new(), is_http1: false, joining }
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { peer, names, is_http1, joining } = self;
        json!({ "peer": peer, "names": names, "http1": is_http1, "joining": joining }).to_string().into_bytes()
    }

    /// What a later version adds is not looked at.
    fn of(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let names = value.get("names")?.as_array()?.iter().map(|name| name.as_str().map(str::to_owned));
        Some(Self {
            peer: value.get("peer")?.as_str()?.parse().ok()?,
            names: names.collect::<Option<_>>()?,
            is_http1: value.get("http1")?.as_bool()?,
            joining: match value.get("joining") {
                None | Some(Value::Null) => None,
                Some(joining) => Some(serde_json::from_value(joining.clone()).ok()?),
            },
        })
    }
}

/// Why another node is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproved {
    /// The connection broke, or what came is not of a node.
    #[error("it does not answer as a node of this version or a later one does")]
    NoNode,
    /// It has another key, or somebody is in between.
    #[error("it has another sealing key, or a proxy between the nodes ends TLS")]
    Forged,
}

impl From<io::Error> for Unproved {
    fn from(_broken: io::Error) -> Self {
        Self::NoNode
    }
}

/// What binds a proof to a session of TLS; nothing where that is not of version 1.3.
pub(crate) fn binding_of_server(tls: &ServerConnection) -> Vec<u8> {
    let exported = tls.export_keying_material([0; BINDING_BYTES], BINDING_LABEL, None);
    exported.map(Vec::from).unwrap_or_default()
}

/// As [`binding_of_server`], on the other side.
pub(super) fn binding_of_client(tls: &ClientConnection) -> Vec<u8> {
    let exported = tls.export_keying_material([0; BINDING_BYTES], BINDING_LABEL, None);
    exported.map(Vec::from).unwrap_or_default()
}

/// Says who calls to the node at the other end of `stream`, once that has proved that it is one.
///
/// # Errors
/// When it has not.
pub(super) async fn introduce(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    key: &NodeKey,
    binding: &[u8],
    caller: &Caller,
    entropy: &dyn Entropy,
) -> Result<(), Unproved> {
    let mut own = [0; NONCE_BYTES];
    entropy.fill(&mut own);
    stream.write_all(&[HELLO.as_slice(), &own].concat()).await?;
    stream.flush().await?;
    let (mut other, mut tag) = ([0; NONCE_BYTES], [0; TAG_BYTES]);
    stream.read_exact(&mut other).await?;
    stream.read_exact(&mut tag).await?;
    if !key.proves(&[SERVES, &own, &other, binding], &tag) {
        return Err(Unproved::Forged);
    }
    let said = caller.bytes();
    let length = u32::try_from(said.len()).map_err(|_| Unproved::NoNode)?.to_be_bytes();
    let tag = key.tag(&[FORWARDS, &own, &other, binding, &said]);
    stream.write_all(&[length.as_slice(), &said, &tag].concat()).await?;
    stream.flush().await?;
    Ok(())
}

/// Who calls, as the node at the other end of `stream` proves it. Of its [`HELLO`], `read` bytes were read.
///
/// # Errors
/// When it is no node that has the key.
pub(crate) async fn believe(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    key: &NodeKey,
    binding: &[u8],
    read: &[u8],
    entropy: &dyn Entropy,
) -> Result<Caller, Unproved> {
    let mut hello = HELLO.to_vec();
    let rest = hello.get_mut(read.len()..).ok_or(Unproved::NoNode)?;
    stream.read_exact(rest).await?;
    hello[..read.len()].copy_from_slice(read);
    if hello != HELLO {
        return Err(Unproved::NoNode);
    }
    let (mut other, mut own) = ([0; NONCE_BYTES], [0; NONCE_BYTES]);
    stream.read_exact(&mut other).await?;
    entropy.fill(&mut own);
    let tag = key.tag(&[SERVES, &other, &own, binding]);
    stream.write_all(&[own.as_slice(), &tag].concat()).await?;
    stream.flush().await?;
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    if length > CALLER_BYTES_MAX {
        return Err(Unproved::NoNode);
    }
    let (mut said, mut tag) = (vec![0; length], [0; TAG_BYTES]);
    stream.read_exact(&mut said).await?;
    stream.read_exact(&mut tag).await?;
    if !key.proves(&[FORWARDS, &other, &own, binding, &said], &tag) {
        return Err(Unproved::Forged);
    }
    Caller::of(&said).ok_or(Unproved::NoNode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_model::OsEntropy;
    use tokio::io::{DuplexStream, duplex};

    fn key(byte: u8) -> NodeKey {
        NodeKey::of_sealing(&[byte; 32])
    }

    fn caller() -> Caller {
        let names = vec!["client.example.com".to_owned(), "\"é\"".to_owned()];
        Caller { peer: "[2001:db8::7]:4711".parse().unwrap(), names, is_http1: true, joining: None }
    }

    #[test]
    fn a_caller_is_read_as_it_was_said() {
        let joining = Caller::node("192.0.2.1:1".parse().unwrap(), Some(Joining::new("node-1".to_owned(), 32)));
        for caller in [caller(), joining] {
            assert_eq!(Caller::of(&caller.bytes()), Some(caller));
        }
    }

    /// What each side makes of the other; the one that serves has read `read` bytes already.
    async fn meet(
        keys: (NodeKey, NodeKey),
        bindings: (&[u8], &[u8]),
    ) -> (Result<(), Unproved>, Result<Caller, Unproved>) {
        let (mut near, mut far) = duplex(100);
        let (caller, entropy) = (caller(), OsEntropy);
        let forwards = async {
            let introduced = introduce(&mut near, &keys.0, bindings.0, &caller, &entropy).await;
            drop(near);
            introduced
        };
        let serves = async {
            let mut first = [0; 3];
            far.read_exact(&mut first).await.unwrap();
            let believed = believe(&mut far, &keys.1, bindings.1, &first, &entropy).await;
            drop(far);
            believed
        };
        tokio::join!(forwards, serves)
    }

    #[tokio::test]
    async fn two_nodes_with_one_key_know_each_other() {
        let (introduced, believed) = meet((key(1), key(1)), (b"x", b"x")).await;
        assert_eq!((introduced, believed), (Ok(()), Ok(caller())));
    }

    #[tokio::test]
    async fn another_key_or_another_session_of_tls_is_found_out_before_anything_is_said() {
        for (keys, bindings) in [((key(1), key(2)), (b"x", b"x")), ((key(1), key(1)), (b"x", b"y"))]
            .map(|(k, (a, b))| (k, (&a[..], &b[..])))
        {
            let (introduced, believed) = meet(keys, bindings).await;
            assert_eq!((introduced, believed), (Err(Unproved::Forged), Err(Unproved::NoNode)));
        }
    }

    /// Speaks the part of a node that forwards, with these bytes after the answer.
    async fn forge(say: impl FnOnce(&[u8], &[u8]) -> Vec<u8>) -> Result<Caller, Unproved> {
        let (mut near, mut far) = duplex(100);
        let own = [7; NONCE_BYTES];
        let forger = async {
            near.write_all(&[HELLO.as_slice(), &own].concat()).await.unwrap();
            let mut answer = [0; NONCE_BYTES + TAG_BYTES];
            near.read_exact(&mut answer).await.unwrap();
            // The other end may have gone already.
            let _ = near.write_all(&say(&own, &answer)).await;
            drop(near);
        };
        let key = key(1);
        tokio::join!(forger, believe(&mut far, &key, b"", b"", &OsEntropy)).1
    }

    #[tokio::test]
    async fn without_the_key_nothing_is_believed() {
        let framed = |tag: &[u8]| {
            let said = caller().bytes();
            [(said.len() as u32).to_be_bytes().as_slice(), &said, tag].concat()
        };
        assert_eq!(forge(|_, _| framed(&[0; TAG_BYTES])).await, Err(Unproved::Forged));
        // The tag of the node that serves, sent back.
        assert_eq!(forge(|_, answer| framed(&answer[NONCE_BYTES..])).await, Err(Unproved::Forged));
        // One that was overheard on another connection: the node's nonce was another.
        let overheard = key(1).tag(&[FORWARDS, &[7; NONCE_BYTES], &[8; NONCE_BYTES], b"", &caller().bytes()]);
        assert_eq!(forge(|_, _| framed(&overheard)).await, Err(Unproved::Forged));
        let fresh = |own: &[u8], answer: &[u8]| {
            framed(&key(1).tag(&[FORWARDS, own, &answer[..NONCE_BYTES], b"", &caller().bytes()]))
        };
        assert_eq!(forge(fresh).await, Ok(caller()), "with it, the same bytes are");
        assert_eq!(forge(|_, _| u32::MAX.to_be_bytes().to_vec()).await, Err(Unproved::NoNode));
        assert_eq!(forge(|_, _| Vec::new()).await, Err(Unproved::NoNode));
    }

    #[tokio::test]
    async fn what_only_begins_like_a_node_is_none() {
        let (mut near, mut far): (DuplexStream, DuplexStream) = duplex(100);
        near.write_all(&[0; 60]).await.unwrap();
        assert_eq!(believe(&mut far, &key(1), b"", b"", &OsEntropy).await, Err(Unproved::NoNode));
    }

    #[test]
    fn a_later_version_may_say_more() {
        let said = br#"{"peer":"192.0.2.1:1","names":[],"http1":false,"more":{}}"#;
        let caller = Caller::of(said).unwrap();
        assert_eq!((caller.peer.port(), caller.names.len(), caller.is_http1), (1, 0, false));
        for junk in [
            b"".as_slice(),
            b"{}",
            br#"{"peer":"x","names":[],"http1":false}"#,
            br#"{"peer":"192.0.2.1:1","names":[],"http1":false,"joining":1}"#,
        ] {
            assert!(Caller::of(junk).is_none());
        }
    }
}

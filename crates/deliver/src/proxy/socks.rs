//! A tunnel through a SOCKS 5 proxy (RFC 1928), with a user name and a password where it wants them (RFC 1929).

use std::io;
use std::net::IpAddr;

use tenterhook_model::Proxy;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::blame::ProxyFailure;
use super::destination::Destination;

/// The version of the protocol.
const VERSION: u8 = 5;
/// Methods of authentication (RFC 1928 section 3).
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
/// The version of the exchange of user name and password (RFC 1929 section 2).
const PASSWORD_VERSION: u8 = 1;
/// The command that asks for a tunnel (RFC 1928 section 4).
const CONNECT: u8 = 1;
/// Kinds of addresses (RFC 1928 section 5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
/// The longest text that a length of one byte can announce.
const LONGEST: usize = 255;

/// Asks for a tunnel to `destination`.
///
/// # Errors
/// When there is none.
pub(super) async fn tunnel<S>(proxy: &Proxy, stream: &mut S, destination: &Destination) -> Result<(), ProxyFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |_| failed(proxy, "closed the connection");
    authenticate(proxy, stream).await?;
    stream.write_all(&request(destination)).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let [version, reply, _, kind] = read(stream).await.map_err(broken)?;
    if version != VERSION {
        return Err(failed(proxy, "does not speak SOCKS 5"));
    }
    judge(proxy, reply, destination)?;
    // The address that the proxy connects from says nothing to us.
    let bytes = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<1, S>(stream).await.map_err(broken)?[0]),
        _ => return Err(failed(proxy, "does not speak SOCKS 5")),
    };
    let mut bound = vec![0; bytes + 2];
    stream.read_exact(&mut bound).await.map(drop).map_err(broken)
}

async fn authenticate<S>(proxy: &Proxy, stream: &mut S) -> Result<(), ProxyFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |_| failed(proxy, "closed the connection");
    let method = if proxy.credentials.is_some() { USER_AND_PASSWORD } else { NO_AUTHENTICATION };
    // A proxy that wants no password may still say so.
    let methods: &[u8] = if method == NO_AUTHENTICATION { &[1, 0] } else { &[2, 0, 2] };
    stream.write_all(&[&[VERSION], methods].concat()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    match (read(stream).await.map_err(broken)?, &proxy.credentials) {
        ([VERSION, NO_AUTHENTICATION], _) => Ok(()),
        ([VERSION, USER_AND_PASSWORD], Some((user, password))) => {
            let mut message = vec![PASSWORD_VERSION];
            for part in [user.as_str(), password.expose()] {
                let Some(length) = u8::try_from(part.len()).ok().filter(|length| usize::from(*length) <= LONGEST)
                else {
                    return Err(failed(proxy, "takes a user name and a password of at most 255 bytes"));
                };
                message.push(length);
                message.extend_from_slice(part.as_bytes());
            }
            stream.write_all(&message).await.map_err(broken)?;
            stream.flush().await.map_err(broken)?;
            match read(stream).await.map_err(broken)? {
                [_, 0] => Ok(()),
                [_, _] => Err(failed(proxy, "does not take the user name and password of --proxy-auth-file")),
            }
        }
        ([VERSION, _], None) => Err(failed(proxy, "wants a user name and a password: set --proxy-auth-file")),
        ([VERSION, _], Some(_)) => Err(failed(proxy, "takes no user name and password")),
        _ => Err(failed(proxy, "does not speak SOCKS 5")),
    }
}

fn request(destination: &Destination) -> Vec<u8> {
    let mut request = vec![VERSION, CONNECT, 0];
    let port = match destination {
        Destination::Address(address) => {
            match address.ip().to_canonical() {
                IpAddr::V4(ip) => {
                    request.push(IPV4);
                    request.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    request.push(IPV6);
                    request.extend_from_slice(&ip.octets());
                }
            }
            address.port()
        }
        Destination::Name(name, port) => {
            let name = name.without_dot();
            assert!(name.len() <= LONGEST, "a host name has at most 253 characters");
            request.extend_from_slice(&[NAME, name.len() as u8]);
            request.extend_from_slice(name.as_bytes());
            *port
        }
    };
    request.extend_from_slice(&port.to_be_bytes());
    request
}

/// What a reply means (RFC 1928 section 6).
fn judge(proxy: &Proxy, reply: u8, destination: &Destination) -> Result<(), ProxyFailure> {
    let words = match reply {
        0 => return Ok(()),
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => return Err(failed(proxy, "does not know CONNECT")),
        8 => return Err(failed(proxy, "does not know this kind of address")),
        _ => return Err(failed(proxy, "does not speak SOCKS 5")),
    };
    let (destination, answer) = (destination.brief(), words.to_owned());
    Err(match reply {
        2 => ProxyFailure::Forbidden { destination, answer },
        _ => ProxyFailure::Unreachable { destination, answer },
    })
}

async fn read<const N: usize, S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn failed(proxy: &Proxy, what: &str) -> ProxyFailure {
    ProxyFailure::Proxy { proxy: proxy.to_string(), what: what.to_owned() }
}

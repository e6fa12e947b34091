//! Ed25519 key pairs (RFC 8032) in the form of Standard Webhooks.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use tenterhook_model::Secret;
use tenterhook_model::standard_secret::{read_private_key, read_public_key, write_private_key, write_public_key};

use super::fault::SecretFault;

/// Bytes of a seed, and of a public key (RFC 8032 section 5.1.5).
const KEY_BYTES: usize = 32;

/// The key pair of a private key: 64 bytes, seed and public key, which must fit each other; or the
/// seed alone.
pub(super) fn pair(secret: &str) -> Result<Ed25519KeyPair, SecretFault> {
    let key = read_private_key(secret).ok_or(SecretFault::NotPrivateKey)?;
    let pair = match key.split_at_checked(KEY_BYTES) {
        Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
        Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
        None => return Err(SecretFault::NotPrivateKey),
    };
    pair.map_err(|_| SecretFault::NotPrivateKey)
}

/// The private key of a seed, as Standard Webhooks writes it.
pub fn private_key(seed: &[u8; KEY_BYTES]) -> Secret {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes are a seed (RFC 8032 section 5.1.5)");
    Secret::new(write_private_key(seed, pair.public_key().as_ref()).as_str())
}

/// The public key of a private one, as Standard Webhooks writes it; `None` if it is not one.
pub fn public_key(secret: &str) -> Option<String> {
    pair(secret).ok().map(|pair| write_public_key(pair.public_key().as_ref()))
}

/// The bytes of the public key in `text`, which may be a public or a private key.
pub(super) fn read_either(text: &str) -> Result<Vec<u8>, SecretFault> {
    match read_public_key(text) {
        Some(public) if public.len() == KEY_BYTES => Ok(public),
        Some(_) => Err(SecretFault::NotPublicKey),
        None => pair(text).map(|pair| pair.public_key().as_ref().to_vec()).map_err(|_| SecretFault::NotPublicKey),
    }
}

/// Whether `signature` is one of `message` by the owner of the key pair.
pub(super) fn is_signed(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    /// Test 2 of RFC 8032 section 7.1: seed, public key, and the signature of the byte 0x72.
    const SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    fn written(bytes: &[u8]) -> String {
        format!("whsk_{}", BASE64.encode(bytes))
    }

    #[test]
    fn the_published_key_signs_as_published() {
        let (seed, public) = (hex::decode(SEED).unwrap(), hex::decode(PUBLIC).unwrap());
        for bytes in [seed.clone(), [&*seed, &*public].concat()] {
            let pair = pair(&written(&bytes)).unwrap();
            assert_eq!(hex::encode(pair.sign(&[0x72])), SIGNATURE);
            assert!(is_signed(&public, &[0x72], &hex::decode(SIGNATURE).unwrap()));
            assert!(!is_signed(&public, &[0x73], &hex::decode(SIGNATURE).unwrap()));
            assert_eq!(public_key(&written(&bytes)), Some(format!("whpk_{}", BASE64.encode(&public))));
        }
        let made = private_key(&seed.try_into().unwrap());
        assert_eq!(made.expose(), written(&[hex::decode(SEED).unwrap(), public].concat()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let (seed, public) = (hex::decode(SEED).unwrap(), hex::decode(PUBLIC).unwrap());
        let twisted = [&*public, &*seed].concat();
        for bytes in [&seed[..31], &[&*seed, &*public, &[0]].concat(), &twisted, &[]] {
            assert_eq!(pair(&written(bytes)).err(), Some(SecretFault::NotPrivateKey), "{} bytes", bytes.len());
        }
        assert_eq!(read_either("whpk_AAAA"), Err(SecretFault::NotPublicKey));
        assert_eq!(public_key("whsec_AAAA"), None);
    }
}

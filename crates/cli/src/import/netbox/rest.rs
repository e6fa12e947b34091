//! NetBox's REST API: its version, and every webhook and event rule, a page at a time.

use super::choices::Version;
use super::source::Found;
use crate::failure::Failure;
use crate::import::origin::NETBOX;
use crate::import::paging::{Api, PAGE, PAGES_MAX, Place};

/// Everything that NetBox at `place` has, and its version if it says so.
///
/// # Errors
/// When NetBox cannot be reached, refuses the token or returns something else.
pub(super) async fn read(place: Place<'_>) -> Result<(Found, Option<Version>), Failure> {
    // Tokens of version 2 (NetBox 4.5) begin with `nbt_` and are bearer tokens.
    let api = Api::new(NETBOX, place, |token| if token.starts_with("nbt_") { "Bearer" } else { "Token" })?;
    let mut found = Found::default();
    let status = api.json("/api/status/").await?.unwrap_or_default();
    let version = status["netbox-version"].as_str().and_then(|text| text.parse().ok());
    // NetBox up to 3.6 has no event rules.
    for (path, must_be) in [("/api/extras/webhooks/", true), ("/api/extras/event-rules/", false)] {
        if !list(&api, path, &mut found).await? && must_be {
            return Err(Failure::refused(format!("{} has no webhooks in its API (404 for {path})", place.url))
                .next(format!("give {}", NETBOX.address)));
        }
    }
    Ok((found, version))
}

/// Adds every object of a list; false when there is no such list.
async fn list(api: &Api, path: &str, found: &mut Found) -> Result<bool, Failure> {
    let mut offset = 0;
    for _ in 0..PAGES_MAX {
        // Offsets instead of `next`, whose host and scheme are whatever NetBox takes for its own.
        let Some(page) = api.json(&format!("{path}?limit={PAGE}&offset={offset}&ordering=id")).await? else {
            return Ok(false);
        };
        let total = page["count"].as_u64().and_then(|count| usize::try_from(count).ok());
        let here = page["results"].as_array().map(Vec::len);
        let (Some(total), Some(here)) = (total, here) else { return Err(api.no_list(path)) };
        found.add(path, vec![page])?;
        offset += here;
        if offset >= total || here == 0 {
            return Ok(true);
        }
    }
    Err(api.endless(path))
}

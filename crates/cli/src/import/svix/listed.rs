//! Svix's REST API: every endpoint of an application, with its headers and its secret.

use serde_json::Value;

use crate::failure::Failure;
use crate::import::listing::objects;
use crate::import::object::Record;
use crate::import::origin::SVIX;
use crate::import::paging::{Api, PAGE, PAGES_MAX, Place, encoded};

/// Every endpoint of `app`, with the members `headers` and `secret`, which Svix returns apart.
///
/// # Errors
/// When Svix cannot be reached, refuses the token or returns something else.
pub(super) async fn read(place: Place<'_>, app: &str) -> Result<Vec<Record>, Failure> {
    let api = Api::new(SVIX, place, |_| "Bearer")?;
    let list = format!("/api/v1/app/{}/endpoint/", encoded(app));
    let (mut records, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let Some(page) = api.json(&format!("{list}?limit={PAGE}{after}")).await? else {
            return Err(
                Failure::refused(format!("Svix has no application {app}")).next("give --app with its id or uid")
            );
        };
        let (done, next) = (page["done"].as_bool(), page["iterator"].as_str().map(encoded));
        let Some(done) = done.filter(|_| page["data"].is_array()) else { return Err(api.no_list(&list)) };
        for object in objects(page) {
            records.push(whole(&api, &list, object, records.len()).await?);
        }
        match next.filter(|_| !done) {
            Some(next) => after = format!("&iterator={next}"),
            None => return Ok(records),
        }
    }
    Err(api.endless(&list))
}

/// An endpoint with what Svix returns apart.
async fn whole(api: &Api, list: &str, object: Value, index: usize) -> Result<Record, Failure> {
    let Value::Object(mut members) = object else { return Err(api.no_list(list)) };
    let id = encoded(members.get("id").and_then(Value::as_str).unwrap_or_default());
    for part in ["headers", "secret"] {
        let found = api.json(&format!("{list}{id}/{part}/")).await?;
        members.insert(part.to_owned(), found.unwrap_or_default());
    }
    Ok(Record::new(format!("{list}#{}", index + 1), members))
}

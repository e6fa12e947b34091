//! Convoy's REST API: the endpoints and subscriptions of a project, and the project itself.

use serde_json::Value;

use crate::failure::Failure;
use crate::import::listing::objects;
use crate::import::object::Record;
use crate::import::origin::CONVOY;
use crate::import::paging::{Api, PAGE, PAGES_MAX, Place, encoded};

/// Everything of `project`.
///
/// # Errors
/// When Convoy cannot be reached, refuses the key or returns something else.
pub(super) async fn read(place: Place<'_>, project: &str) -> Result<Vec<Record>, Failure> {
    let api = Api::new(CONVOY, place, |_| "Bearer")?;
    let base = format!("/api/v1/projects/{}", encoded(project));
    let mut records = Vec::new();
    for list in ["endpoints", "subscriptions"] {
        add(&api, &format!("{base}/{list}"), project, &mut records).await?;
    }
    // A key of the project may be allowed to read its lists only: signatures are then Convoy's default.
    if let Ok(Some(found)) = api.json(&base).await {
        push(&api, &base, found, &mut records)?;
    }
    Ok(records)
}

/// Adds every object of a list.
async fn add(api: &Api, list: &str, project: &str, records: &mut Vec<Record>) -> Result<(), Failure> {
    let mut after = String::new();
    for _ in 0..PAGES_MAX {
        let Some(page) = api.json(&format!("{list}?perPage={PAGE}&direction=next{after}")).await? else {
            return Err(Failure::refused(format!("Convoy has no project {project}")).next("give --project with its id"));
        };
        let pages = &page["data"]["pagination"];
        let next = pages["next_page_cursor"].as_str().filter(|_| pages["has_next_page"] == true).map(encoded);
        if !page["data"]["content"].is_array() {
            return Err(api.no_list(list));
        }
        push(api, list, page, records)?;
        match next {
            Some(next) => after = format!("&next_page_cursor={next}"),
            None => return Ok(()),
        }
    }
    Err(api.endless(list))
}

fn push(api: &Api, path: &str, response: Value, records: &mut Vec<Record>) -> Result<(), Failure> {
    for object in objects(response) {
        let Value::Object(members) = object else { return Err(api.no_list(path)) };
        records.push(Record::new(format!("{path}#{}", records.len() + 1), members));
    }
    Ok(())
}

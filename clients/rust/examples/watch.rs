//! Follows what becomes of every delivery, and goes on where it stopped when it is started again:
//! `cargo run --example watch -- [TARGET] [TOKEN_FILE]`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tenterhook_client::Client;
use tenterhook_client::v1::watch_deliveries_request::Start;
use tenterhook_client::v1::{WatchDeliveriesRequest, WatchPosition};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().unwrap_or_else(|| "localhost:50051".to_owned());
    let place = PathBuf::from(arguments.next().unwrap_or_else(|| "deliveries.token".to_owned()));
    let start = match std::fs::read_to_string(&place) {
        Ok(token) => Start::ResumeToken(token),
        Err(_) => Start::Position(WatchPosition::Earliest.into()),
    };
    let mut watch = Client::new(&target)?.watch(WatchDeliveriesRequest { start: Some(start), ..Default::default() });
    // It ends only with what would come again, such as a token that is no longer kept: what was
    // missed is then in the list of deliveries.
    loop {
        let next = watch.next().await?;
        let delivery = next.change.delivery.unwrap_or_default();
        println!("{} {}", delivery.event_id, delivery.state().as_str_name());
        // Only now: what was not acted on comes again after a crash.
        store(&place, &next.token)?;
    }
}

/// All of it or nothing, also over a crash of the machine.
fn store(place: &Path, token: &str) -> std::io::Result<()> {
    let fresh = place.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(token.as_bytes())?;
    file.sync_all()?; // it is on the disk before it takes the place of the one before
    std::fs::rename(fresh, place)
}

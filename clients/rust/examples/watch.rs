//! Follows what becomes of every delivery, and goes on where it stopped when it is started again:
//! `cargo run --example watch -- [TARGET] [TOKEN_FILE]`.

use tenterhook_client::v1::WatchDeliveriesRequest;
use tenterhook_client::v1::watch_deliveries_request::Start;
use tenterhook_client::{Client, FileCheckpoint};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().unwrap_or_else(|| "localhost:50051".to_owned());
    let place = arguments.next().unwrap_or_else(|| "deliveries.token".to_owned());
    let request = WatchDeliveriesRequest { start: Start::earliest(), ..Default::default() };
    let mut watch = Client::new(&target)?.watch(request).checkpoint(FileCheckpoint::new(place));
    // It ends only with what would come again, such as a token that is no longer kept: what was
    // missed is then in the list of deliveries.
    loop {
        let next = watch.next().await?;
        let delivery = next.change.delivery.unwrap_or_default();
        // What this does not finish comes again after a crash.
        println!("{} {}", delivery.event_id, delivery.state().as_str_name());
    }
}

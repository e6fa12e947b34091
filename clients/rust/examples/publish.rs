//! A service that tells what happens to its sites:
//! `cargo run --example publish -- [TARGET] [RECEIVER_URL] [SECRET] [REVISION]`.

use serde_json::json;
use tenterhook_client::v1::{Event, EventRule, RequestTemplate, SignatureScheme, SigningPolicy, Webhook};
use tenterhook_client::{Client, Error, Kind};

struct Site {
    id: usize,
    name: &'static str,
    revision: String,
}

/// What the service is about; it has one client for its whole life.
struct Sites(Client);

impl Sites {
    async fn save(&self, site: &Site) -> Result<(), Box<dyn std::error::Error>> {
        let data = json!({"id": site.id, "name": site.name, "revision": site.revision});
        let event = Event {
            // The id names what happened, so that telling it twice makes no second event.
            id: format!("site-{}-{}", site.id, site.revision),
            r#type: "updated".into(),
            object_type: "dcim.site".into(),
            data: Some(tenterhook_client::json(&data)?),
            ordering_key: format!("site-{}", site.id),
            ..Default::default()
        };
        let result = self.0.publish(event).await?;
        println!("{} {}", result.event_id, if result.duplicate { "known" } else { "new" });
        Ok(())
    }
}

/// Makes the webhook, unless an earlier run did.
async fn subscribe(client: &Client, url: String, secret: &str) -> Result<(), Error> {
    let webhook = Webhook {
        display_name: "sites".into(),
        request: Some(RequestTemplate { url, ..Default::default() }),
        rules: vec![EventRule { object_types: vec!["dcim.site".into()], ..Default::default() }],
        signing: Some(SigningPolicy { schemes: vec![SignatureScheme::StandardWebhooks.into()], ..Default::default() }),
        ..Default::default()
    };
    match client.create_webhook(webhook, secret).await {
        Err(error) if error.kind() == Kind::Conflict => eprintln!("the webhook is there: {error}"),
        made => drop(made?),
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let client = Client::new(&next("localhost:50051"))?;
    let url = next("http://127.0.0.1:9000/hook");
    subscribe(&client, url, &next("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).await?;
    let revision = next("1");
    let sites = Sites(client);
    for (id, name) in ["Zürich", "Genève", "Lugano"].into_iter().enumerate() {
        sites.save(&Site { id, name, revision: revision.clone() }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tenterhook_client::parse;
    use tenterhook_client::testing::{RecordingReceiver, TestServer, wait_for};
    use tenterhook_client::v1::DeliveryState;

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// How the service is tested: with the server itself, in memory.
    #[tokio::test]
    async fn a_saved_site_is_told_once() -> Result<(), Box<dyn std::error::Error>> {
        let (server, receiver) = (TestServer::start(&[])?, RecordingReceiver::start(&[])?);
        let client = server.client();
        subscribe(&client, receiver.url(), SECRET).await?;
        let sites = Sites(client.clone());
        for _ in 0..2 {
            sites.save(&Site { id: 7, name: "Zürich", revision: "1".into() }).await?;
        }
        wait_for(&client, "site-7-1", DeliveryState::Succeeded, Duration::from_secs(10)).await?;
        let [request] = <[_; 1]>::try_from(receiver.requests()).expect("one request came");
        let event = parse(&request.headers, request.body.into(), &[SECRET])?;
        assert_eq!((event.id.as_str(), event.data["name"].as_str()), ("site-7-1", Some("Zürich")));
        Ok(())
    }
}

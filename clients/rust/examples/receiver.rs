//! Receives webhooks and verifies them: `cargo run --example receiver -- SECRET [PORT]`.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use tenterhook_client::verify;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let secret = arguments.next().ok_or("usage: receiver SECRET [PORT]")?;
    let port = arguments.next().unwrap_or_else(|| "9000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let router = Router::new().route("/hook", post(hook)).with_state(secret);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn hook(State(secret): State<String>, headers: HeaderMap, body: Bytes) -> StatusCode {
    match verify(&headers, &body, &[secret]) {
        Ok(()) => {
            let id = headers["webhook-id"].to_str().unwrap_or_default();
            println!("received {id} {}", String::from_utf8_lossy(&body));
            StatusCode::NO_CONTENT
        }
        Err(reason) => {
            println!("refused: {reason}");
            StatusCode::UNAUTHORIZED
        }
    }
}

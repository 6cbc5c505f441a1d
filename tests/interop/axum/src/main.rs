//! A WebSocket server on axum, for h2ws to talk to.
//!
//!     axum-peer                            cleartext, as axum::serve does it
//!     axum-peer --cert FILE --key FILE     TLS: rustls, ALPN h2 and http/1.1
//!
//! Prints `listening on http(s)://127.0.0.1:PORT`, then for each WebSocket
//! that ends one line, `closed PATH CODE REASON`: what the peer's CLOSE said,
//! 1005 for an empty one and 1006 for none. SIGTERM ends it.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{
    CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

type Failure = Box<dyn Error + Send + Sync>;
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Room for a message of 16 MiB and more: axum's own limits end at just that.
const MESSAGE_MAX: usize = 64 << 20;

fn accept<F, R>(upgrade: Upgrade, serve: F) -> Response
where
    F: FnOnce(WebSocket) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    match upgrade {
        Ok(upgrade) => upgrade
            .max_message_size(MESSAGE_MAX)
            .max_frame_size(MESSAGE_MAX)
            .protocols(["chat"])
            .on_upgrade(serve),
        Err(refused) => refused.into_response(),
    }
}

fn report(path: &str, close: Option<Option<CloseFrame>>) {
    match close {
        Some(Some(frame)) => println!("closed {path} {} {}", frame.code, frame.reason),
        Some(None) => println!("closed {path} 1005 "),
        None => println!("closed {path} 1006 "),
    }
}

/// Reads until the peer's CLOSE has come or the stream is gone.
async fn drain(path: &str, mut socket: WebSocket) {
    let mut close = None;
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Close(frame) = message {
            close = Some(frame);
        }
    }
    report(path, close);
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        match message {
            Message::Text(_) | Message::Binary(_) => {
                if socket.send(message).await.is_err() {
                    break;
                }
            }
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(frame) => {
                report("/echo", Some(frame));
                // The answer to the CLOSE leaves with the next read.
                while let Some(Ok(_)) = socket.recv().await {}
                return;
            }
        }
    }
    report("/echo", None);
}

async fn protocol(mut socket: WebSocket) {
    let chosen = match socket.protocol() {
        Some(value) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        None => "none".to_owned(),
    };
    let text = format!("protocol={chosen}");
    if socket.send(Message::Text(text.into())).await.is_ok() {
        drain("/protocol", socket).await;
    }
}

async fn close(mut socket: WebSocket) {
    let bye = CloseFrame {
        code: 4001,
        reason: "bye".into(),
    };
    if socket.send(Message::Close(Some(bye))).await.is_ok() {
        drain("/close", socket).await;
    }
}

async fn ping(mut socket: WebSocket) {
    let payload = "are you there";
    if socket.send(Message::Ping(payload.into())).await.is_err() {
        return;
    }
    let pong = async {
        while let Some(Ok(message)) = socket.recv().await {
            if let Message::Pong(bytes) = message {
                return bytes == payload;
            }
        }
        false
    };
    let came = tokio::time::timeout(Duration::from_secs(5), pong).await;
    let text = match came {
        Ok(true) => "pong came",
        Ok(false) => "no pong, or a wrong one",
        Err(_) => "no pong in 5 s",
    };
    if socket.send(Message::Text(text.into())).await.is_ok() {
        drain("/ping", socket).await;
    }
}

async fn header(mut socket: WebSocket, value: String) {
    if socket.send(Message::Text(value.into())).await.is_ok() {
        drain("/header", socket).await;
    }
}

fn interop_header(headers: &HeaderMap) -> String {
    let value = headers.get("x-interop").map(|v| v.as_bytes());
    String::from_utf8_lossy(value.unwrap_or(b"none")).into_owned()
}

fn routes() -> Router {
    Router::new()
        .route("/", any(|| async { "axum\n" }))
        .route("/echo", any(|u: Upgrade| async { accept(u, echo) }))
        .route("/protocol", any(|u: Upgrade| async { accept(u, protocol) }))
        .route("/close", any(|u: Upgrade| async { accept(u, close) }))
        .route("/ping", any(|u: Upgrade| async { accept(u, ping) }))
        .route("/get-only", get(|u: Upgrade| async { accept(u, echo) }))
        .route(
            "/header",
            any(|headers: HeaderMap, u: Upgrade| async move {
                let value = interop_header(&headers);
                accept(u, |socket| header(socket, value))
            }),
        )
}

fn tls(cert: &str, key: &str) -> Result<TlsAcceptor, Failure> {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve_tls(listener: TcpListener, acceptor: TlsAcceptor) -> Result<(), Failure> {
    let app = routes();
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        let app = app.clone();
        tokio::spawn(async move {
            let stream = match acceptor.accept(tcp).await {
                Ok(stream) => stream,
                Err(error) => return eprintln!("TLS: {error}"),
            };
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http2().enable_connect_protocol();
            let io = TokioIo::new(stream);
            let service = TowerToHyperService::new(app);
            if let Err(error) = builder.serve_connection_with_upgrades(io, service).await {
                eprintln!("connection: {error}");
            }
        });
    }
}

async fn serve(files: Option<(String, String)>) -> Result<(), Failure> {
    let mut term = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = async {
        match files {
            Some((cert, key)) => {
                let acceptor = tls(&cert, &key)?;
                println!("listening on https://{address}");
                serve_tls(listener, acceptor).await
            }
            None => {
                println!("listening on http://{address}");
                let listener = listener.tap_io(|tcp| {
                    if let Err(error) = tcp.set_nodelay(true) {
                        eprintln!("nodelay: {error}");
                    }
                });
                Ok(axum::serve(listener, routes()).await?)
            }
        }
    };
    tokio::select! {
        result = server => result,
        _ = term.recv() => Ok(()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let files = match args[..] {
        [] => None,
        ["--cert", cert, "--key", key] => Some((cert.to_owned(), key.to_owned())),
        _ => {
            eprintln!("usage: axum-peer [--cert FILE --key FILE]");
            return ExitCode::from(2);
        }
    };
    match serve(files).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum-peer: {error}");
            ExitCode::FAILURE
        }
    }
}

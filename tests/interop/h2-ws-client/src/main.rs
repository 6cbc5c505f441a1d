//! The published crate h2-ws-client as a client, for h2ws to serve.
//!
//!     h2-ws-client-peer HOST:PORT --peer h2ws|axum|node [--prefix TEXT]
//!
//! One line per case, `ok NAME` or `FAIL NAME: why`; exits 0 if all are ok.
//!
//! The crate hands its `path` argument to hyper as the URI. Called as its
//! README says, with "/echo", it sends `host` and no `:authority`; called with
//! a whole URL it sends both. RFC 8441 wants `:authority`, axum does without,
//! and nghttp2, below h2ws and node, resets such a stream.

use std::error::Error;
use std::fmt::Debug;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use h2_ws_client::{H2WebSocketStream, H2WsConnection, H2WsError};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

const DEADLINE: Duration = Duration::from_secs(60);

struct Peer {
    address: String,
    axum: bool,
}

impl Peer {
    async fn connect(&self) -> Result<H2WsConnection, Failure> {
        Ok(H2WsConnection::connect_tcp(&self.address).await?)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn open(
        &self,
        connection: &mut H2WsConnection,
        protocol: Option<&str>,
    ) -> Result<H2WebSocketStream, Failure> {
        let url = self.url("/echo");
        Ok(connection
            .connect_websocket(&url, &self.address, protocol)
            .await?)
    }
}

fn expect<T: PartialEq + Debug>(what: &str, got: T, wanted: T) -> Outcome {
    if got == wanted {
        return Ok(());
    }
    let mut line = format!("{what}: got {got:?}, wanted {wanted:?}");
    line.truncate(300);
    Err(line.into())
}

async fn next(socket: &mut H2WebSocketStream) -> Result<Message, Failure> {
    match socket.next().await {
        Some(message) => Ok(message?),
        None => Err("the stream ended".into()),
    }
}

async fn echo(socket: &mut H2WebSocketStream, message: Message) -> Outcome {
    socket.send(message.clone()).await?;
    let answer = next(socket).await?;
    if answer == message {
        return Ok(());
    }
    let sizes = format!("{} bytes sent, {} came", message.len(), answer.len());
    Err(format!("the echo differs: {sizes}").into())
}

/// Closes, wants the same code and reason back and then the end.
async fn close(peer: &Peer, socket: &mut H2WebSocketStream, code: u16, reason: &str) -> Outcome {
    let frame = CloseFrame {
        code: code.into(),
        reason: reason.into(),
    };
    socket.close(Some(frame)).await?;
    let answer = next(socket).await?;
    let Message::Close(Some(answer)) = answer else {
        return Err(format!("no CLOSE with a code: {answer:?}").into());
    };
    expect("close code", u16::from(answer.code), code)?;
    match socket.next().await {
        None => Ok(()),
        // axum drops the stream, and now and then a reset is the quicker one.
        Some(Err(_)) if peer.axum => Ok(()),
        other => Err(format!("after CLOSE: {other:?}").into()),
    }
}

fn bytes(size: usize) -> Vec<u8> {
    let mut state = size as u32 | 1;
    let mut step = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 24) as u8
    };
    (0..size).map(|_| step()).collect()
}

async fn text(peer: &Peer) -> Outcome {
    let mut connection = peer.connect().await?;
    let mut socket = peer.open(&mut connection, None).await?;
    for line in ["", "hello", "κόσμε 🌍", &"line ".repeat(50_000)] {
        echo(&mut socket, Message::text(line)).await?;
    }
    close(peer, &mut socket, 1000, "").await
}

async fn binary(peer: &Peer) -> Outcome {
    let mut connection = peer.connect().await?;
    let mut socket = peer.open(&mut connection, None).await?;
    for size in [0, 1, 125, 126, 16_383, 16_384, 65_535, 65_536, 1 << 20] {
        echo(&mut socket, Message::binary(bytes(size))).await?;
    }
    close(peer, &mut socket, 1000, "done").await
}

async fn binary_16m(peer: &Peer) -> Outcome {
    let mut connection = peer.connect().await?;
    let mut socket = peer.open(&mut connection, None).await?;
    echo(&mut socket, Message::binary(bytes(16 << 20))).await?;
    close(peer, &mut socket, 1000, "").await
}

async fn ping(peer: &Peer) -> Outcome {
    let mut connection = peer.connect().await?;
    let mut socket = peer.open(&mut connection, None).await?;
    let payload = bytes(125);
    socket.send(Message::Ping(payload.clone().into())).await?;
    let answer = next(&mut socket).await?;
    expect("pong", answer, Message::Pong(payload.into()))?;
    close(peer, &mut socket, 1000, "").await
}

async fn close_code(peer: &Peer) -> Outcome {
    let mut connection = peer.connect().await?;
    for code in [1000, 1001, 3000, 4001, 4999] {
        let mut socket = peer.open(&mut connection, None).await?;
        close(peer, &mut socket, code, "bye").await?;
    }
    Ok(())
}

async fn offered_protocol(peer: &Peer) -> Outcome {
    let mut connection = peer.connect().await?;
    let mut socket = peer.open(&mut connection, Some("chat")).await?;
    echo(&mut socket, Message::text("hello")).await?;
    close(peer, &mut socket, 1000, "").await
}

async fn hundred(peer: &Peer) -> Outcome {
    let mut connection = peer.connect().await?;
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(peer.open(&mut connection, None).await?);
    }
    for (i, socket) in sockets.iter_mut().enumerate() {
        socket.send(Message::text(format!("socket {i}"))).await?;
    }
    for (i, socket) in sockets.iter_mut().enumerate() {
        let answer = next(socket).await?;
        expect("echo", answer, Message::text(format!("socket {i}")))?;
    }
    for socket in &mut sockets {
        close(peer, socket, 1000, "").await?;
    }
    Ok(())
}

async fn not_found(peer: &Peer) -> Outcome {
    let mut connection = peer.connect().await?;
    let url = peer.url("/nowhere");
    match connection
        .connect_websocket(&url, &peer.address, None)
        .await
    {
        Err(H2WsError::Status(status)) => expect("status", status.as_u16(), 404)?,
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("it opened".into()),
    }
    let mut socket = peer.open(&mut connection, None).await?;
    echo(&mut socket, Message::text("still here")).await?;
    close(peer, &mut socket, 1000, "").await
}

async fn host_only(peer: &Peer) -> Outcome {
    let mut connection = peer.connect().await?;
    let opened = connection
        .connect_websocket("/echo", &peer.address, None)
        .await;
    match (opened, peer.axum) {
        (Ok(mut socket), true) => {
            echo(&mut socket, Message::text("hello")).await?;
            close(peer, &mut socket, 1000, "").await?;
        }
        (Err(H2WsError::Hyper(error)), false) => {
            let said = format!("{error:?}");
            if !said.contains("Reset(StreamId(1), PROTOCOL_ERROR, Remote)") {
                return Err(said.into());
            }
        }
        (Ok(_), _) => return Err("it opened".into()),
        (Err(error), _) => return Err(error.into()),
    }
    let mut socket = peer.open(&mut connection, None).await?;
    echo(&mut socket, Message::text("still here")).await?;
    close(peer, &mut socket, 1000, "").await
}

async fn run(peer: &Peer, prefix: &str) -> bool {
    let mut good = true;
    macro_rules! case {
        ($case:ident) => {
            let name = format!("{prefix}{}", stringify!($case).replace('_', "-"));
            match tokio::time::timeout(DEADLINE, $case(peer)).await {
                Ok(Ok(())) => println!("ok {name}"),
                Ok(Err(error)) => {
                    good = false;
                    println!("FAIL {name}: {error}");
                }
                Err(_) => {
                    good = false;
                    println!("FAIL {name}: not done in {DEADLINE:?}");
                }
            }
        };
    }
    case!(text);
    case!(binary);
    case!(binary_16m);
    case!(ping);
    case!(close_code);
    case!(offered_protocol);
    case!(hundred);
    case!(not_found);
    case!(host_only);
    good
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (address, axum, prefix) = match args[..] {
        [address, "--peer", name] => (address, name == "axum", ""),
        [address, "--peer", name, "--prefix", prefix] => (address, name == "axum", prefix),
        _ => {
            eprintln!("usage: h2-ws-client-peer HOST:PORT --peer h2ws|axum|node [--prefix TEXT]");
            return ExitCode::from(2);
        }
    };
    let peer = Peer {
        address: address.to_owned(),
        axum,
    };
    if run(&peer, prefix).await {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

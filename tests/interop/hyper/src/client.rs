use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::{Failure, Outcome};

type Body = Channel<Bytes, io::Error>;

const DEADLINE: Duration = Duration::from_secs(60);
const STEP: usize = 65536;

/// The bytes that go, and those that must come back.
struct Noise {
    state: u32,
    left: u64,
}

impl Noise {
    fn new(seed: u32, left: u64) -> Noise {
        Noise { state: seed, left }
    }

    fn byte(&mut self) -> u8 {
        self.state = self.state.wrapping_mul(1664525).wrapping_add(1013904223);
        (self.state >> 24) as u8
    }

    fn next(&mut self) -> Option<Bytes> {
        let len = self.left.min(STEP as u64);
        self.left -= len;
        (len > 0).then(|| (0..len).map(|_| self.byte()).collect())
    }

    fn check(&mut self, got: &[u8]) -> Outcome {
        self.left = match self.left.checked_sub(got.len() as u64) {
            Some(left) => left,
            None => return Err("more came than went".into()),
        };
        match got.iter().all(|byte| *byte == self.byte()) {
            true => Ok(()),
            false => Err(format!("other bytes, {} before the end", self.left).into()),
        }
    }

    fn over(&self) -> Outcome {
        match self.left {
            0 => Ok(()),
            left => Err(format!("{left} bytes did not come").into()),
        }
    }
}

async fn exchange_tunnel(upgraded: Upgraded, seed: u32, size: u64) -> Outcome {
    let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
    let mut source = Noise::new(seed, size);
    let mut wanted = Noise::new(seed, size);
    let sending = async {
        while let Some(bytes) = source.next() {
            writer.write_all(&bytes).await?;
        }
        Ok::<_, Failure>(writer.shutdown().await?)
    };
    let receiving = async {
        let mut buffer = vec![0; STEP];
        loop {
            match reader.read(&mut buffer).await? {
                0 => return wanted.over(),
                n => wanted.check(&buffer[..n])?,
            }
        }
    };
    tokio::try_join!(sending, receiving)?;
    Ok(())
}

async fn exchange_body(
    mut sender: Sender<Bytes, io::Error>,
    mut body: Incoming,
    size: u64,
) -> Outcome {
    let mut source = Noise::new(7, size);
    let mut wanted = Noise::new(7, size);
    let sending = async move {
        while let Some(bytes) = source.next() {
            sender.send_data(bytes).await?;
        }
        Ok::<_, Failure>(())
    };
    let receiving = async {
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                wanted.check(&data)?;
            }
        }
        wanted.over()
    };
    tokio::try_join!(sending, receiving)?;
    Ok(())
}

struct Target {
    url: String,
    cacert: Option<String>,
}

async fn handshake<T>(io: T) -> Result<SendRequest<Body>, Failure>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await?;
    // hyper refuses to ask before it has seen the server's SETTINGS, and wakes
    // nobody when they come.
    while !connection.is_extended_connect_protocol_enabled() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::spawn(connection);
    Ok(sender)
}

impl Target {
    async fn connect(&self) -> Result<SendRequest<Body>, Failure> {
        let address = self.url.split("//").nth(1).ok_or("no address")?;
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let Some(cacert) = &self.cacert else {
            return handshake(tcp).await;
        };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(cacert)?)?;
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("localhost")?;
        handshake(
            TlsConnector::from(Arc::new(config))
                .connect(name, tcp)
                .await?,
        )
        .await
    }

    async fn ask(
        &self,
        to: &mut SendRequest<Body>,
        method: &str,
        path: &str,
        protocol: Option<&'static str>,
    ) -> Result<(Sender<Bytes, io::Error>, Response<Incoming>), Failure> {
        let (sender, body) = Channel::new(2);
        let uri = format!("{}{path}", self.url);
        let mut request = Request::builder().method(method).uri(uri).body(body)?;
        if let Some(protocol) = protocol {
            request
                .extensions_mut()
                .insert(Protocol::from_static(protocol));
        }
        Ok((sender, to.send_request(request).await?))
    }

    async fn tunnel(&self, to: &mut SendRequest<Body>) -> Result<Upgraded, Failure> {
        let (_, mut answer) = self.ask(to, "CONNECT", "/raw", Some("interop")).await?;
        expect(&answer, 200)?;
        Ok(hyper::upgrade::on(&mut answer).await?)
    }
}

fn expect(answer: &Response<Incoming>, status: u16) -> Outcome {
    match answer.status().as_u16() {
        got if got == status => Ok(()),
        got => Err(format!("status {got}").into()),
    }
}

async fn connect(target: &Target, size: u64) -> Outcome {
    let mut to = target.connect().await?;
    exchange_tunnel(target.tunnel(&mut to).await?, 7, size).await
}

async fn upload(target: &Target, method: &str, size: u64) -> Outcome {
    let mut to = target.connect().await?;
    let (sender, answer) = target.ask(&mut to, method, "/raw", None).await?;
    expect(&answer, 200)?;
    exchange_body(sender, answer.into_body(), size).await
}

async fn hundred(target: &Target) -> Outcome {
    let mut to = target.connect().await?;
    let mut tasks = Vec::new();
    for seed in 0..100 {
        let upgraded = target.tunnel(&mut to).await?;
        tasks.push(tokio::spawn(exchange_tunnel(upgraded, seed, 300_001)));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// A byte there, a byte back, and both directions stay open in between.
async fn turns(target: &Target) -> Outcome {
    let mut to = target.connect().await?;
    let mut io = TokioIo::new(target.tunnel(&mut to).await?);
    for turn in 0..=255 {
        io.write_all(&[turn]).await?;
        if io.read_u8().await? != turn {
            return Err(format!("another byte in turn {turn}").into());
        }
    }
    io.shutdown().await?;
    match io.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err("bytes after the end".into()),
    }
}

async fn cancel(target: &Target) -> Outcome {
    let mut to = target.connect().await?;
    let (mut sender, answer) = target.ask(&mut to, "POST", "/raw", None).await?;
    sender.send_data(Bytes::from_static(b"hello")).await?;
    drop(answer);
    drop(sender);
    exchange_tunnel(target.tunnel(&mut to).await?, 7, 100_000).await
}

async fn refused(
    target: &Target,
    method: &str,
    path: &str,
    protocol: Option<&'static str>,
    status: u16,
) -> Outcome {
    let mut to = target.connect().await?;
    let (sender, answer) = target.ask(&mut to, method, path, protocol).await?;
    drop(sender);
    expect(&answer, status)?;
    answer.into_body().collect().await?;
    exchange_tunnel(target.tunnel(&mut to).await?, 7, 1000).await
}

struct Report<'a> {
    prefix: &'a str,
    failed: u32,
}

impl Report<'_> {
    async fn case(&mut self, name: &str, case: impl Future<Output = Outcome>) {
        let outcome = tokio::time::timeout(DEADLINE, case).await;
        match outcome.unwrap_or_else(|_| Err("it took too long".into())) {
            Ok(()) => println!("ok {}{name}", self.prefix),
            Err(error) => {
                self.failed += 1;
                println!("FAIL {}{name}: {error}", self.prefix);
            }
        }
    }
}

pub async fn run(url: &str, cacert: Option<&str>, prefix: &str) -> Outcome {
    let at = Target {
        url: url.to_owned(),
        cacert: cacert.map(str::to_owned),
    };
    let mut report = Report { prefix, failed: 0 };
    report.case("connect", connect(&at, 3 << 20)).await;
    report.case("connect-nothing", connect(&at, 0)).await;
    report.case("connect-a-byte", connect(&at, 1)).await;
    report.case("post", upload(&at, "POST", 3 << 20)).await;
    report.case("put", upload(&at, "PUT", 3 << 20)).await;
    report.case("connect-100m", connect(&at, 100 << 20)).await;
    report
        .case("post-100m", upload(&at, "POST", 100 << 20))
        .await;
    report.case("hundred-at-once", hundred(&at)).await;
    report.case("turns", turns(&at)).await;
    report.case("cancel", cancel(&at)).await;
    let other = Some("interop");
    let websocket = Some("websocket");
    report
        .case(
            "refused-404",
            refused(&at, "CONNECT", "/nowhere", other, 404),
        )
        .await;
    report
        .case("refused-405", refused(&at, "DELETE", "/raw", None, 405))
        .await;
    report
        .case(
            "refused-websocket",
            refused(&at, "CONNECT", "/raw", websocket, 405),
        )
        .await;
    report
        .case(
            "refused-other-protocol",
            refused(&at, "CONNECT", "/echo", other, 501),
        )
        .await;
    match report.failed {
        0 => Ok(()),
        failed => Err(format!("{failed} cases failed").into()),
    }
}

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::ext::Protocol;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::{Failure, Outcome};

type Body = BoxBody<Bytes, Failure>;
type Answer = Response<Body>;

fn never(never: Infallible) -> Failure {
    match never {}
}

fn whole(text: &'static str) -> Body {
    Full::from(text).map_err(never).boxed()
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Response::new(whole("not this\n"));
    *answer.status_mut() = status;
    answer
}

/// What an accepted CONNECT does with its bytes.
async fn tunnel(request: Request<Incoming>, early: bool) -> Outcome {
    let upgraded = TokioIo::new(hyper::upgrade::on(request).await?);
    let (mut reader, mut writer) = tokio::io::split(upgraded);
    if early {
        writer.write_all(b"bye").await?;
    } else {
        tokio::io::copy(&mut reader, &mut writer).await?;
    }
    Ok(writer.shutdown().await?)
}

fn accept(request: Request<Incoming>, early: bool) -> Answer {
    tokio::spawn(async move {
        if let Err(error) = tunnel(request, early).await {
            eprintln!("tunnel: {error}");
        }
    });
    Response::new(Empty::new().map_err(never).boxed())
}

fn is_tunnel(request: &Request<Incoming>) -> bool {
    let protocol = request.extensions().get::<Protocol>();
    request.method() == Method::CONNECT && protocol.is_some_and(|p| p.as_str() != "websocket")
}

fn is_upload(request: &Request<Incoming>) -> bool {
    matches!(*request.method(), Method::POST | Method::PUT)
}

fn capitals(frame: Frame<Bytes>) -> Frame<Bytes> {
    frame.map_data(|bytes| bytes.to_ascii_uppercase().into())
}

async fn answer(request: Request<Incoming>) -> Result<Answer, Failure> {
    let tunnel = is_tunnel(&request);
    let upload = is_upload(&request);
    Ok(match (request.uri().path(), tunnel, upload) {
        ("/raw", true, _) => accept(request, false),
        ("/raw", _, true) => Response::new(request.into_body().map_err(Into::into).boxed()),
        ("/early", true, _) => accept(request, true),
        ("/early", _, true) => Response::new(whole("bye")),
        ("/ECHO", false, true) => {
            let body = request.into_body().map_frame(capitals);
            Response::new(body.map_err(Into::into).boxed())
        }
        ("/reset", false, true) => {
            let (sender, body) = Channel::new(1);
            sender.abort("broken off".into());
            Response::new(body.boxed())
        }
        ("/raw" | "/early" | "/ECHO" | "/reset", _, _) => status(StatusCode::METHOD_NOT_ALLOWED),
        _ => status(StatusCode::NOT_FOUND),
    })
}

async fn serve_connection<T>(io: T)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let served = http2::Builder::new(TokioExecutor::new())
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(io), service_fn(answer))
        .await;
    if let Err(error) = served {
        eprintln!("connection: {error}");
    }
}

fn tls(cert: &str, key: &str) -> Result<TlsAcceptor, Failure> {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept_all(listener: TcpListener, acceptor: Option<TlsAcceptor>) -> Outcome {
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            match acceptor {
                None => serve_connection(tcp).await,
                Some(acceptor) => match acceptor.accept(tcp).await {
                    Ok(stream) => serve_connection(stream).await,
                    Err(error) => eprintln!("TLS: {error}"),
                },
            }
        });
    }
}

pub async fn run(files: Option<(&str, &str)>) -> Outcome {
    let mut term = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let acceptor = files.map(|(cert, key)| tls(cert, key)).transpose()?;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    println!("listening on {scheme}://{address}");
    tokio::select! {
        result = accept_all(listener, acceptor) => result,
        _ = term.recv() => Ok(()),
    }
}

//! Byte streams over HTTP/2 with hyper: extended CONNECT with another
//! :protocol, POST and PUT, both directions at once.
//!
//!     hyper-peer server [--cert FILE --key FILE]
//!     hyper-peer client [--cacert FILE] [--prefix TEXT] URL
//!
//! The server prints `listening on URL`; SIGTERM ends it. The client prints a
//! line per case, `ok NAME` or `FAIL NAME: why`, and exits 0 if all are ok.

mod client;
mod server;

use std::error::Error;
use std::process::ExitCode;

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

const USAGE: &str = "usage: hyper-peer server [--cert FILE --key FILE]
       hyper-peer client [--cacert FILE] [--prefix TEXT] URL";

/// `--name value` pairs, and the words that are left.
fn options(args: &[String]) -> Result<(Vec<(&str, &str)>, Vec<&str>), Failure> {
    let (mut pairs, mut words) = (Vec::new(), Vec::new());
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg.strip_prefix("--") {
            Some(name) => pairs.push((name, args.next().ok_or(USAGE)?)),
            None => words.push(arg),
        }
    }
    Ok((pairs, words))
}

fn option<'a>(pairs: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1)
}

async fn run(args: &[String]) -> Outcome {
    let (pairs, words) = options(args)?;
    match words[..] {
        ["server"] => server::run(option(&pairs, "cert").zip(option(&pairs, "key"))).await,
        ["client", url] => {
            let prefix = option(&pairs, "prefix").unwrap_or("");
            client::run(url, option(&pairs, "cacert"), prefix).await
        }
        _ => Err(USAGE.into()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hyper-peer: {error}");
            ExitCode::FAILURE
        }
    }
}

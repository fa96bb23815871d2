//! HTTP over a pipe, as Docker's engine speaks it on Windows: `hyper` on both sides of a byte pipe.

use std::convert::Infallible;
use std::error::Error;

use dotpipe::tokio::{ClientOptions, PipeListener, ServerOptions};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

type Anything<T> = Result<T, Box<dyn Error + Send + Sync>>;

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/version") => *response.body_mut() = Full::from(r#"{"Version":"1.0"}"#),
        (&Method::POST, "/echo") => match request.into_body().collect().await {
            Ok(body) => *response.body_mut() = Full::from(body.to_bytes()),
            Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
        },
        _ => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}

async fn serve(listener: PipeListener) -> Anything<()> {
    loop {
        let pipe = TokioIo::new(listener.accept().await?);
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(pipe, service_fn(answer)),
        );
    }
}

#[tokio::main]
pub(crate) async fn main() -> Anything<()> {
    let name = format!(r"\\.\pipe\tokio-http-{}", std::process::id());
    let listener = ServerOptions::new()
        .first_pipe_instance(true)
        .listen(&name)?;
    let serving = tokio::spawn(serve(listener));

    let pipe = TokioIo::new(ClientOptions::new().open(&name)?);
    let (mut requests, connection) = hyper::client::conn::http1::handshake(pipe).await?;
    let connection = tokio::spawn(connection);

    // Larger than the pipe's quota, both ways.
    let large = Bytes::from(vec![b'x'; 300_000]);
    let expected = [
        (
            "GET",
            "/version",
            Bytes::new(),
            StatusCode::OK,
            Bytes::from(r#"{"Version":"1.0"}"#),
        ),
        ("POST", "/echo", large.clone(), StatusCode::OK, large),
        (
            "GET",
            "/nothing",
            Bytes::new(),
            StatusCode::NOT_FOUND,
            Bytes::new(),
        ),
    ];
    for (method, path, body, status, content) in expected {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", "pipe")
            .body(Full::<Bytes>::from(body))?;
        requests.ready().await?;
        let response = requests.send_request(request).await?;
        assert_eq!(response.status(), status);
        let received = response.into_body().collect().await?.to_bytes();
        println!("{method} {path}: {status}, {} bytes", received.len());
        assert!(received == content);
    }
    drop(requests);
    connection.await??;
    serving.abort();
    Ok(())
}

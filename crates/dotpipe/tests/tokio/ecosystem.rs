//! What others made for streams works over a pipe: here codecs; HTTP is an example (`examples/tokio_http.rs`).

use std::future::poll_fn;
use std::pin::Pin;

use dotpipe::tokio::PipeMode;
use futures_core::Stream;
use tokio::io::AsyncWriteExt;
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{Encoder, Framed, FramedRead, LengthDelimitedCodec, LinesCodec};

use crate::support::data::payload;
use crate::{on_both, pair};

#[test]
fn frames_go_over_a_byte_pipe() {
    on_both(|| async {
        let (server, mut client) = pair(PipeMode::Byte, 100).await;
        let sending = tokio::spawn(async move {
            let mut codec = LengthDelimitedCodec::new();
            for len in 0..200 {
                let mut frame = BytesMut::new();
                codec
                    .encode(Bytes::from(payload(len, len as usize)), &mut frame)
                    .unwrap();
                client.write_all(&frame).await.unwrap();
            }
            // Still open: the end of the stream is not needed.
            client
        });
        let mut frames = Framed::new(server, LengthDelimitedCodec::new());
        for len in 0..200 {
            let frame = poll_fn(|context| Pin::new(&mut frames).poll_next(context)).await;
            assert!(frame.unwrap().unwrap() == payload(len, len as usize));
        }
        drop(sending.await.unwrap());
        let end = poll_fn(|context| Pin::new(&mut frames).poll_next(context)).await;
        assert!(end.is_none());
    });
}

#[test]
fn lines_go_over_either_type_of_pipe() {
    on_both(|| async {
        for mode in [PipeMode::Byte, PipeMode::Message] {
            let (server, mut client) = pair(mode, 1000).await;
            client.write_all(b"one\ntwo").await.unwrap();
            client.write_all(b" and a half\n").await.unwrap();
            let (read, _write) = server.into_split();
            let mut lines = FramedRead::new(read, LinesCodec::new());
            for line in ["one", "two and a half"] {
                let next = poll_fn(|context| Pin::new(&mut lines).poll_next(context)).await;
                assert_eq!(next.unwrap().unwrap(), line);
            }
        }
    });
}

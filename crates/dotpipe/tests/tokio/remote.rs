//! Pipes that are opened for clients on other machines: the tasks' side of it.

use dotpipe::Win32Error;
use dotpipe::security::{RemoteClient, SecurityDescriptor, Sid, Token};
use dotpipe::tokio::{ClientOptions, ServerOptions, win32_code};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::on_both;
use crate::support::unique_name;

#[test]
fn a_task_serves_a_client_of_another_machine() {
    on_both(|| async {
        let name = unique_name("tokio remote").to_string();
        let ann: Sid = "S-1-5-21-1-2-3-1105".parse().unwrap();
        let token = Token::of(ann, ann, [Sid::EVERYONE, Sid::AUTHENTICATED_USERS]);
        let remote = RemoteClient::new(token, "192.0.2.7").user_name(r"EXAMPLE\ann");
        let mut server_options = ServerOptions::new();
        server_options.security(SecurityDescriptor::for_everyone());
        let mut client_options = ClientOptions::new();
        client_options.on_behalf_of(remote.clone());

        // By default a pipe is for this machine.
        let server = server_options.create(&name).unwrap();
        let error = client_options.open(&name).unwrap_err();
        assert_eq!(win32_code(&error), Some(Win32Error::ACCESS_DENIED));
        assert!(error.to_string().contains("remote clients"), "{error}");
        drop(server);

        let mut server = server_options
            .reject_remote_clients(false)
            .create(&name)
            .unwrap();
        let mut client = client_options.open(&name).unwrap();
        server.connect().await.unwrap();
        assert_eq!(server.remote_client().unwrap(), Some(remote));
        assert_eq!(server.peer_token().unwrap().user(), ann);
        assert_eq!(server.peer_computer_name().unwrap(), "192.0.2.7");
        let error = server.peer_process_id().unwrap_err();
        assert_eq!(error.code(), Win32Error::NOT_SUPPORTED);
        assert_eq!(client.remote_client().unwrap(), None);
        client.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
    });
}

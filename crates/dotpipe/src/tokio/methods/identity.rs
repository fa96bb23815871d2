//! The methods about who is at the other end, which every type has. None of them is in tokio.
//!
//! Layer: the tokio face.

/// Who is there.
macro_rules! identity {
    () => {
        /// The user and the groups at the other end, as they were when it opened or created the pipe: the
        /// kernel's word. Of a client [on another machine](Self::remote_client) it is that of the bridge. Not in
        /// tokio.
        ///
        /// # Errors
        /// What [`exact::End::peer_token`](crate::exact::End::peer_token) answers.
        pub fn peer_token(&self) -> Result<Token> {
            let token = self.inner.end.peer_token();
            token.map_err(|code| self.inner.error("info", code))
        }

        /// The client of this server end, if it is on another machine: who it is, as the bridge says that has opened
        /// the pipe [for it](crate::tokio::ClientOptions::on_behalf_of). `None` for a client of this machine, and on
        /// a client end. Not in tokio.
        ///
        /// # Errors
        /// What [`exact::End::remote_client`](crate::exact::End::remote_client) answers.
        pub fn remote_client(&self) -> Result<Option<RemoteClient>> {
            let client = self.inner.end.remote_client();
            client.map_err(|code| self.inner.error("info", code))
        }

        /// The name of the computer at the other end; of a client on another machine the name or the address that its
        /// bridge has for it: `GetNamedPipeClientComputerName`. Not in tokio.
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation.
        #[doc(alias = "GetNamedPipeClientComputerName")]
        pub fn peer_computer_name(&self) -> Result<String> {
            let name = self.inner.end.peer_computer_name();
            name.map_err(|code| self.inner.error("info", code))
        }
    };
}

pub(in crate::tokio) use identity;

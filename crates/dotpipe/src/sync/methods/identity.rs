//! The methods about who is at the other end and who may do what, which every type has.
//!
//! Layer: the sync face.

/// Who is there, and who may.
macro_rules! identity {
    () => {
        /// The user and the groups at the other end, as they were when it opened or created the pipe: the
        /// kernel's word. Of a client [on another machine](Self::remote_client) it is that of the bridge.
        ///
        /// # Win32
        /// On a server end, what `ImpersonateNamedPipeClient` and `OpenThreadToken` find out
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
        /// `ERROR_CANT_OPEN_ANONYMOUS` when the client did not want to be known. What else can happen on Windows is
        /// said at [`exact::End::peer_token`](crate::exact::End::peer_token).
        pub fn peer_token(&self) -> Result<Token> {
            self.shared.peer_token()
        }

        /// The client of this server end, if it is on another machine: who it is, as the bridge says that has opened
        /// the pipe [for it](crate::sync::ClientOptions::on_behalf_of). `None` for a client of this machine, and on a
        /// client end.
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
        /// `ERROR_CANT_OPEN_ANONYMOUS` when the client did not want to be known.
        ///
        /// # Platforms
        /// Linux. On Windows, where the system takes clients of other machines in, it is `ERROR_NOT_SUPPORTED`.
        pub fn remote_client(&self) -> Result<Option<RemoteClient>> {
            self.shared.remote_client()
        }

        /// A descriptor of the process at the other end (a pidfd): unlike its number it cannot come to mean
        /// another process. It becomes readable when the process ends.
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
        /// `ERROR_NOT_SUPPORTED` before Linux 6.5 and for a client on another machine, `ERROR_NOT_FOUND` when the
        /// process has ended.
        ///
        /// # Platforms
        /// Linux.
        #[cfg(unix)]
        pub fn peer_process(&self) -> Result<std::os::fd::OwnedFd> {
            self.shared.peer_process()
        }

        /// The login session of the process at the other end; `u32::MAX` for none. What that is on Linux is
        /// said at [`exact::End::peer_session_id`](crate::exact::End::peer_session_id).
        ///
        /// # Win32
        /// [`GetNamedPipeClientSessionId`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipeclientsessionid),
        /// [`GetNamedPipeServerSessionId`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipeserversessionid)
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
        /// `ERROR_NOT_FOUND` when the process has ended, `ERROR_NOT_SUPPORTED` before Linux 6.5, where the kernel
        /// keeps no sessions, and for a client on another machine.
        #[doc(alias = "GetNamedPipeClientSessionId")]
        #[doc(alias = "GetNamedPipeServerSessionId")]
        pub fn peer_session_id(&self) -> Result<u32> {
            self.shared.peer_session_id()
        }

        /// Who may do what with the pipe.
        ///
        /// # Win32
        /// [`GetSecurityInfo`](https://learn.microsoft.com/windows/win32/api/aclapi/nf-aclapi-getsecurityinfo)
        ///
        /// # Errors
        /// `ERROR_ACCESS_DENIED` unless this end may read, write or read the descriptor;
        /// `ERROR_FILE_NOT_FOUND` on a client end whose pipe is gone.
        #[doc(alias = "GetSecurityInfo")]
        pub fn security(&self) -> Result<SecurityDescriptor> {
            self.shared.security()
        }

        /// Changes who may do what with the pipe, all of its instances. Ends that are open keep the rights
        /// they were opened with.
        ///
        /// # Win32
        /// [`SetSecurityInfo`](https://learn.microsoft.com/windows/win32/api/aclapi/nf-aclapi-setsecurityinfo)
        ///
        /// # Errors
        /// Those of [`exact::End::set_security`](crate::exact::End::set_security): above all
        /// `ERROR_ACCESS_DENIED` on an end without that right
        /// ([`ServerOptions::write_dac`](crate::sync::ServerOptions::write_dac),
        /// [`ClientOptions::write_dac`](crate::sync::ClientOptions::write_dac)).
        #[doc(alias = "SetSecurityInfo")]
        pub fn set_security(&self, descriptor: &SecurityDescriptor) -> Result<()> {
            self.shared.set_security(descriptor)
        }
    };
}

pub(in crate::sync) use identity;

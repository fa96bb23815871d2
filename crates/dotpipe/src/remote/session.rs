//! One connection to one server, logged on, with the share on which pipes live (`IPC$`).
//!
//! The rule it owns: what is sent in the name of
//! a user is signed or encrypted, and a connection whose server is silent is given up.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use smb2::auth::kerberos::ccache::load_ccache;
use smb2::client::Cipher;
use smb2::client::connection::Connection;
use smb2::client::session::Session as Logon;
use smb2::client::tree::Tree;
use smb2::transport::TcpTransport;
use smb2::types::flags::Capabilities;
use smb2::types::{Dialect, TreeId};
use smb2::{Error, KerberosCredentials, Liveness};
use tokio::time::{sleep, timeout_at};

use super::credentials::{Credentials, Kind};
use super::negotiate::Repaired;
use super::options::{Encryption, SmbOptions};
use super::status::{Step, code_of};
use super::{Failure, anonymous};
use crate::win32::Win32Error;

/// Where to and as whom: what pipes must have in common to share a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// In small letters.
    server: String,
    port: u16,
    credentials: Credentials,
    encryption: Encryption,
    silence_timeout: Duration,
}

/// What Windows appends to an IPv6 address so that it can stand where a name stands.
const IPV6_LITERAL: &str = ".ipv6-literal.net";

impl Target {
    pub(super) fn new(server: &str, options: &SmbOptions) -> Result<Target, Failure> {
        let credentials = options
            .resolve_credentials()
            .map_err(|error| Failure::new(Win32Error::LOGON_FAILURE, error.to_string()))?;
        let port = options.resolve_port().ok_or_else(|| {
            let text = "DOTPIPE_SMB_PORT is no number of a port";
            Failure::new(Win32Error::INVALID_PARAMETER, text)
        })?;
        let encryption = options.resolve_encryption().ok_or_else(|| {
            let text = "DOTPIPE_SMB_ENCRYPTION can be `required` or not set";
            Failure::new(Win32Error::INVALID_PARAMETER, text)
        })?;
        Ok(Target {
            server: server.to_lowercase(),
            port,
            credentials,
            encryption,
            silence_timeout: options.silence_timeout,
        })
    }

    /// What to look up and connect to.
    fn address(&self) -> String {
        let host = match self.server.strip_suffix(IPV6_LITERAL) {
            Some(literal) => literal.replace('-', ":").replace('s', "%"),
            None => self.server.clone(),
        };
        match host.contains(':') {
            true => format!("[{host}]:{}", self.port),
            false => format!("{host}:{}", self.port),
        }
    }
}

/// A session. Its connection closes when the last pipe lets go of it.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) tree: TreeId,
    /// The most that one request may carry, in bytes.
    pub(super) max_write: usize,
    /// The server has said that it tells nothing of its pipes, and is not asked again.
    pub(super) tells_nothing: AtomicBool,
}

impl Session {
    /// Connects and logs on, not longer than until `deadline`.
    pub(super) async fn connect(
        target: &Target,
        deadline: Instant,
    ) -> Result<Arc<Session>, Failure> {
        match timeout_at(deadline.into(), Session::try_connect(target, deadline)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::new(
                Win32Error::BAD_NETPATH,
                format!("{} did not answer in time", target.address()),
            )),
        }
    }

    async fn try_connect(target: &Target, deadline: Instant) -> Result<Arc<Session>, Failure> {
        let address = target.address();
        let left = deadline.saturating_duration_since(Instant::now());
        let tcp = TcpTransport::connect(&address, left)
            .await
            .map_err(|error| told(&error, &address, "connect to"))?;
        let transport = Repaired::new(tcp);
        let mut connection = Connection::from_transport(
            Box::new(transport.clone()),
            Box::new(transport.clone()),
            &*target.server,
        );
        // A request that receives may wait for ever; silence is watched for instead.
        connection.set_response_timeout(None);
        connection.set_keepalive(Some(target.silence_timeout / 3));
        transport
            .negotiate(&mut connection)
            .await
            .map_err(|error| told(&error, &address, "speak SMB with"))?;

        let keys = log_on(&mut connection, target, &address).await?;
        let tree = Tree::connect(&mut connection, "IPC$")
            .await
            .map_err(|error| told(&error, &address, "open IPC$ of"))?;
        if tree.encrypt_data {
            encrypt(&mut connection, keys, &address)?;
        }

        let max_write = connection.params().map_or(65536, |params| {
            usize::try_from(params.max_write_size).unwrap_or(65536)
        });
        let session = Arc::new(Session {
            connection,
            tree: tree.tree_id,
            max_write,
            tells_nothing: AtomicBool::new(false),
        });
        tokio::spawn(watch(
            Arc::downgrade(&session),
            target.silence_timeout.max(Duration::from_millis(100)),
        ));
        Ok(session)
    }

    /// Whether the connection is lost.
    pub(super) fn is_lost(&self) -> bool {
        self.connection.is_disconnected()
    }
}

/// Keys to encrypt with: ours and theirs.
type Keys = Option<(Vec<u8>, Vec<u8>)>;

/// Logs on, and sees to it that what follows is encrypted if it must be.
async fn log_on(
    connection: &mut Connection,
    target: &Target,
    address: &str,
) -> Result<Keys, Failure> {
    let who = target.credentials.who();
    let told = |error: Error| {
        let code = code_of(&error, Step::Connect);
        Failure::new(code, format!("log on to {address} as {who}: {error}"))
    };
    let logon = match &target.credentials.0 {
        Kind::Password {
            domain,
            user,
            password,
        } => Logon::setup(connection, user, password, domain).await,
        Kind::Kerberos {
            realm,
            kdc,
            user,
            password,
        } => {
            let credentials = KerberosCredentials {
                username: user.clone(),
                password: password.to_string(),
                realm: realm.clone(),
                kdc_address: kdc.clone(),
            };
            Logon::setup_kerberos(connection, &credentials, &target.server).await
        }
        Kind::Tickets { cache, kdc } => {
            let tickets = load_ccache(Some(cache)).map_err(told)?;
            let owner = &tickets.default_principal;
            let credentials = KerberosCredentials {
                username: owner.components.join("/"),
                password: String::new(),
                realm: owner.realm.clone(),
                kdc_address: kdc.clone(),
            };
            let server = &target.server;
            Logon::setup_kerberos_from_ccache(connection, &credentials, server, &tickets).await
        }
        Kind::Guest => Logon::setup(connection, "Guest", "", "").await,
        Kind::Anonymous if target.encryption == Encryption::Required => {
            return Err(no_encryption(address));
        }
        Kind::Anonymous => {
            anonymous::log_on(connection).await.map_err(told)?;
            return Ok(None);
        }
    };
    let logon = logon.map_err(told)?;
    let named = !matches!(target.credentials.0, Kind::Guest);
    if named && !logon.should_sign && !logon.should_encrypt {
        let text = format!("{address} does not sign what it says to {who}");
        return Err(Failure::new(Win32Error::ACCESS_DENIED, text));
    }
    // Without a name there are keys that everybody knows.
    let keys = named
        .then(|| {
            logon
                .encryption_key
                .clone()
                .zip(logon.decryption_key.clone())
        })
        .flatten();
    if target.encryption == Encryption::Required {
        encrypt(connection, keys.clone(), address)?;
    }
    Ok(keys)
}

/// Encrypts from now on, if that is not done already. The server need not have asked for it, but has agreed
/// on a cipher if it can.
fn encrypt(connection: &mut Connection, keys: Keys, address: &str) -> Result<(), Failure> {
    if connection.should_encrypt() {
        return Ok(());
    }
    let params = connection.params().ok_or_else(|| no_encryption(address))?;
    let cipher = match (params.dialect, params.cipher) {
        // These two know one cipher, and say by a capability that they have it.
        (Dialect::Smb3_0 | Dialect::Smb3_0_2, _)
            if params.capabilities.contains(Capabilities::ENCRYPTION) =>
        {
            Some(Cipher::Aes128Ccm)
        }
        (_, cipher) => cipher,
    };
    let (Some(cipher), Some((ours, theirs))) = (cipher, keys) else {
        return Err(no_encryption(address));
    };
    connection.activate_encryption(ours, theirs, cipher);
    Ok(())
}

fn no_encryption(address: &str) -> Failure {
    Failure::new(
        Win32Error::ACCESS_DENIED,
        format!("encryption is required, and was not agreed on with {address}"),
    )
}

fn told(error: &Error, address: &str, what: &str) -> Failure {
    let code = code_of(error, Step::Connect);
    let mut text = format!("{what} {address}: {error}");
    if let Error::ConnectFailed { attempts, .. } = error {
        for attempt in attempts {
            text += &format!("; {attempt}");
        }
    }
    Failure::new(code, text)
}

/// Gives a connection up when it has been silent for too long although the server was asked.
async fn watch(session: Weak<Session>, silence: Duration) {
    loop {
        sleep(silence / 6).await;
        let Some(session) = session.upgrade() else {
            return;
        };
        match session.connection.liveness() {
            Liveness::Unresponsive { silent_for } if silent_for >= silence => {
                session.connection.mark_dead();
                return;
            }
            Liveness::Disconnected => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_for_the_resolver() {
        let options = SmbOptions::new()
            .credentials(Credentials::guest())
            .port(4450);
        for (server, address) in [
            ("PrintHouse", "printhouse:4450"),
            ("127.0.0.1", "127.0.0.1:4450"),
            ("::1", "[::1]:4450"),
            ("fe80--1s3.ipv6-literal.net", "[fe80::1%3]:4450"),
        ] {
            let target = Target::new(server, &options).unwrap();
            assert_eq!(target.address(), address);
        }
    }
}

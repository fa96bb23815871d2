//! [`Credentials`]: who the user is to a server on another machine.
//!
//! The rule it owns: a password is never shown and does not outlive its use. It comes from the program, from
//! the environment or from a file that nobody else can read, never from a command line.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The largest file of credentials, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Who logs on to the server, and how.
///
/// Passwords are overwritten in memory when they are dropped and are not part of the `Debug` output. (The
/// library that speaks SMB makes copies of its own while it logs on.)
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(pub(super) Kind);

/// The ways to log on.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Password {
        domain: String,
        user: String,
        password: Zeroizing<String>,
    },
    /// Kerberos, with tickets that are fetched with a password.
    Kerberos {
        realm: String,
        kdc: String,
        user: String,
        password: Zeroizing<String>,
    },
    /// Kerberos, with tickets that somebody has fetched already.
    Tickets {
        cache: PathBuf,
        kdc: String,
    },
    Guest,
    Anonymous,
}

impl Credentials {
    /// A user with a password, by NTLM. The user may be written `DOMAIN\user`; without a domain the
    /// server looks among its own users, or takes its own domain.
    pub fn password(user: &str, password: &str) -> Credentials {
        let (domain, user) = user.split_once('\\').unwrap_or(("", user));
        Credentials(Kind::Password {
            domain: domain.to_owned(),
            user: user.to_owned(),
            password: Zeroizing::new(password.to_owned()),
        })
    }

    /// The same user in another domain. Without effect on a guest.
    pub fn domain(mut self, name: &str) -> Credentials {
        if let Kind::Password { domain, .. } = &mut self.0 {
            name.clone_into(domain);
        }
        self
    }

    /// A user with a password, by Kerberos: the tickets are fetched from the key distribution centre `kdc`
    /// (`host` or `host:port`) of `realm`. The server must be called by the name that it has there.
    pub fn kerberos(user: &str, password: &str, realm: &str, kdc: &str) -> Credentials {
        Credentials(Kind::Kerberos {
            realm: realm.to_owned(),
            kdc: kdc.to_owned(),
            user: user.to_owned(),
            password: Zeroizing::new(password.to_owned()),
        })
    }

    /// The user whose Kerberos tickets are in a file, as `kinit` leaves them. When there is none for the
    /// server yet, one is fetched from the key distribution centre `kdc` (`host` or `host:port`).
    pub fn kerberos_tickets(cache: impl Into<PathBuf>, kdc: &str) -> Credentials {
        Credentials(Kind::Tickets {
            cache: cache.into(),
            kdc: kdc.to_owned(),
        })
    }

    /// A guest, without a password. Most servers refuse; nothing is signed or encrypted then.
    pub fn guest() -> Credentials {
        Credentials(Kind::Guest)
    }

    /// Nobody at all (a null session). Most servers refuse; nothing is signed or encrypted then.
    pub fn anonymous() -> Credentials {
        Credentials(Kind::Anonymous)
    }

    /// What the environment says:
    ///
    /// | variable | what it says |
    /// |---|---|
    /// | `DOTPIPE_SMB_CREDENTIALS` | the path of a file, see [`from_file`](Self::from_file) |
    /// | `DOTPIPE_SMB_USER`, `DOTPIPE_SMB_PASSWORD` | user, or `DOMAIN\user`, and password |
    /// | `DOTPIPE_SMB_DOMAIN` | the domain |
    /// | `DOTPIPE_SMB_LOGON` | `guest` or `anonymous` asks for just that; `kerberos` for the tickets in the file `$KRB5CCNAME` |
    /// | `DOTPIPE_SMB_KDC` | the key distribution centre, with `kerberos` |
    ///
    /// The file comes first. A password in the environment can be read by every process of the same
    /// user: prefer the file.
    ///
    /// # Errors
    /// [`CredentialsError`] when nothing is set, or what is set cannot be used.
    pub fn from_environment() -> Result<Credentials, CredentialsError> {
        from_variables(|name| std::env::var(name).ok())
    }

    /// Reads a file that only its owner can read, with lines like those of `mount.cifs` and `smbclient`:
    ///
    /// ```text
    /// # comments and empty lines are skipped
    /// username = anna
    /// password = correct horse
    /// domain = OFFICE
    /// ```
    ///
    /// `domain` may be left out. The value is what stands behind the first `=`, without blanks around it.
    ///
    /// # Errors
    /// [`CredentialsError`] when it cannot be read, belongs to another user (root aside), may be read or
    /// written by others, or has no `username`.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Credentials, CredentialsError> {
        let path = path.as_ref();
        let told = |what: &str| CredentialsError(format!("{}: {what}", path.display()));
        let mut file = File::open(path).map_err(|error| told(&error.to_string()))?;
        // Asked of the open file, so that it cannot be another one by the time it is read.
        let metadata = file.metadata().map_err(|error| told(&error.to_string()))?;
        if !metadata.is_file() {
            return Err(told("this is no regular file"));
        }
        let own = rustix::process::geteuid().as_raw();
        if metadata.uid() != own && metadata.uid() != 0 {
            return Err(told("this file belongs to another user"));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(told(
                "others can read or write this file: take the right from them with chmod 600",
            ));
        }
        let mut text = Zeroizing::new(String::new());
        let read = (&mut file).take(MAX_FILE + 1).read_to_string(&mut text);
        read.map_err(|error| told(&error.to_string()))?;
        if text.len() as u64 > MAX_FILE {
            return Err(told("this is too long for a file of credentials"));
        }
        parse(&text).map_err(|what| told(&what))
    }

    /// Who this is, for messages: never the password.
    pub(super) fn who(&self) -> String {
        match &self.0 {
            Kind::Password { domain, user, .. } if domain.is_empty() => format!("user {user:?}"),
            Kind::Password { domain, user, .. } => format!("user {user:?} of {domain:?}"),
            Kind::Kerberos { realm, user, .. } => format!("user {user:?} of realm {realm:?}"),
            Kind::Tickets { cache, .. } => format!("the user of the tickets in {cache:?}"),
            Kind::Guest => "a guest".to_owned(),
            Kind::Anonymous => "nobody (anonymous)".to_owned(),
        }
    }
}

fn from_variables(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Credentials, CredentialsError> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(path) = set("DOTPIPE_SMB_CREDENTIALS") {
        return Credentials::from_file(path);
    }
    match set("DOTPIPE_SMB_LOGON").as_deref() {
        Some("guest") => return Ok(Credentials::guest()),
        Some("anonymous") => return Ok(Credentials::anonymous()),
        Some("kerberos") => {
            let cache = set("KRB5CCNAME").unwrap_or_default();
            let cache = cache.strip_prefix("FILE:").unwrap_or(&cache);
            if cache.is_empty() || cache.contains(':') {
                let text = "KRB5CCNAME does not name a file with tickets";
                return Err(CredentialsError(text.to_owned()));
            }
            let kdc = set("DOTPIPE_SMB_KDC").unwrap_or_default();
            return Ok(Credentials::kerberos_tickets(cache, &kdc));
        }
        Some("password") | None => {}
        Some(other) => {
            let text = format!(
                "DOTPIPE_SMB_LOGON is {other:?}, not `password`, `kerberos`, `guest` or `anonymous`"
            );
            return Err(CredentialsError(text));
        }
    }
    let user = set("DOTPIPE_SMB_USER").ok_or_else(|| {
        CredentialsError(
            "nobody to log on as: give credentials in the options, or name a file with them in \
             DOTPIPE_SMB_CREDENTIALS, or set DOTPIPE_SMB_USER and DOTPIPE_SMB_PASSWORD"
                .to_owned(),
        )
    })?;
    let password = Zeroizing::new(variable("DOTPIPE_SMB_PASSWORD").unwrap_or_default());
    let credentials = Credentials::password(&user, &password);
    Ok(match set("DOTPIPE_SMB_DOMAIN") {
        Some(domain) => credentials.domain(&domain),
        None => credentials,
    })
}

/// The words of a file of credentials. The text of an error tells no value of any line.
fn parse(text: &str) -> Result<Credentials, String> {
    let (mut user, mut password, mut domain) = (None, "", None);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((word, value)) = line.split_once('=') else {
            return Err(format!("line {number} is not `word = value`"));
        };
        let value = value.trim();
        match word.trim().to_ascii_lowercase().as_str() {
            "username" | "user" => user = Some(value),
            "password" => password = value,
            "domain" => domain = Some(value),
            _ => {
                return Err(format!(
                    "line {number} begins with none of `username`, `password` and `domain`"
                ));
            }
        }
    }
    let user = user
        .filter(|user| !user.is_empty())
        .ok_or("there is no line `username = …`")?;
    let credentials = Credentials::password(user, password);
    Ok(match domain {
        Some(domain) => credentials.domain(domain),
        None => credentials,
    })
}

impl fmt::Debug for Credentials {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.who())
    }
}

/// Why there are no credentials. The text holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsError(String);

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CredentialsError {}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn password_of(credentials: &Credentials) -> (&str, &str, &str) {
        match &credentials.0 {
            Kind::Password {
                domain,
                user,
                password,
            } => (domain, user, password),
            _ => panic!("{credentials:?}"),
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let credentials = Credentials::password(r"OFFICE\anna", "secret words");
        assert_eq!(
            password_of(&credentials),
            ("OFFICE", "anna", "secret words")
        );
        let shown = format!("{credentials:?} {credentials:#?} {}", credentials.who());
        assert!(shown.contains("anna") && shown.contains("OFFICE"));
        assert!(!shown.contains("secret"));
    }

    #[test]
    fn a_file_is_read_as_it_is_written() {
        let text = "\n# who\nusername = anna \n PASSWORD=a=b c\ndomain= OFFICE\n";
        assert_eq!(
            password_of(&parse(text).unwrap()),
            ("OFFICE", "anna", "a=b c")
        );
        assert_eq!(
            password_of(&parse("user=H\\bob").unwrap()),
            ("H", "bob", "")
        );
    }

    #[test]
    fn an_error_tells_the_line_and_no_secret() {
        for text in [
            "password = secret",
            "username =\npassword = secret",
            "username = a\npasword = secret",
            "username = a\nsecret",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        fs::write(&path, "username = anna\npassword = secret\n").unwrap();
        for (mode, taken) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let result = Credentials::from_file(&path);
            assert_eq!(result.is_ok(), taken, "{mode:o}: {result:?}");
            if let Err(error) = result {
                assert!(error.to_string().contains("chmod"));
                assert!(!error.to_string().contains("secret"));
            }
        }
        assert!(Credentials::from_file(folder.path()).is_err());
        assert!(Credentials::from_file(folder.path().join("none")).is_err());
    }

    #[test]
    fn the_environment_says_who() {
        let from = |variables: &[(&str, &str)]| {
            from_variables(|name| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(from(&[]).is_err());
        assert!(from(&[("DOTPIPE_SMB_PASSWORD", "x")]).is_err());
        let anna = [
            ("DOTPIPE_SMB_USER", "anna"),
            ("DOTPIPE_SMB_PASSWORD", "secret"),
            ("DOTPIPE_SMB_DOMAIN", "OFFICE"),
        ];
        assert_eq!(
            password_of(&from(&anna).unwrap()),
            ("OFFICE", "anna", "secret")
        );
        let guest = from(&[("DOTPIPE_SMB_LOGON", "guest"), anna[0]]).unwrap();
        assert_eq!(guest, Credentials::guest());
        let nobody = from(&[("DOTPIPE_SMB_LOGON", "anonymous")]).unwrap();
        assert_eq!(nobody, Credentials::anonymous());
        let tickets = [
            ("DOTPIPE_SMB_LOGON", "kerberos"),
            ("DOTPIPE_SMB_KDC", "kdc.office"),
            ("KRB5CCNAME", "FILE:/tmp/tickets"),
        ];
        assert_eq!(
            from(&tickets).unwrap(),
            Credentials::kerberos_tickets("/tmp/tickets", "kdc.office")
        );
        assert!(from(&[tickets[0], ("KRB5CCNAME", "KCM:0")]).is_err());
        assert!(from(&[("DOTPIPE_SMB_LOGON", "gest"), anna[0]]).is_err());
        assert!(from(&[("DOTPIPE_SMB_CREDENTIALS", "/nowhere"), anna[0]]).is_err());
    }
}

//! Logging on with Kerberos.

use dotpipe::remote::{Credentials, Encryption, SmbOptions};
use dotpipe::win32::Win32Error;
use dotpipe::{ClientOptions, PipeName};
use dotpipe_samba::npa::Request;

use crate::read;
use crate::support::kdc::{Kdc, REALM};
use crate::support::served::echo;
use crate::support::{Served, Smbd, Type};

#[test]
fn tickets_open_the_pipe_and_wrong_ones_do_not() {
    let Some(kdc) = Kdc::start() else { return };
    let Some(smbd) = Smbd::start_with(vec![
        format!("realm = {REALM}"),
        "security = user".to_owned(),
        "kerberos method = dedicated keytab".to_owned(),
        format!("dedicated keytab file = {}", kdc.keytab().display()),
    ]) else {
        return;
    };
    let served = Served::start(&smbd, "echo", Type::Message, echo);
    // Tickets are for names.
    let name = PipeName::parse(r"\\localhost\pipe\echo").unwrap();
    let open = |credentials, encryption| {
        let options = SmbOptions::new()
            .port(smbd.port())
            .credentials(credentials)
            .encryption(encryption);
        ClientOptions::new().smb(&options).open(&name)
    };
    let (user, kdc_address) = (smbd.user(), kdc.address());
    let with_password = |password: &str| Credentials::kerberos(user, password, REALM, &kdc_address);
    let with_tickets = Credentials::kerberos_tickets(kdc.tickets(), &kdc_address);
    for (credentials, encryption) in [
        (with_password(smbd.password()), Encryption::AsServed),
        (with_password(smbd.password()), Encryption::Required),
        (with_tickets, Encryption::AsServed),
    ] {
        let shown = format!("{credentials:?} {encryption:?}");
        let end = open(credentials, encryption).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let end = end.as_exact();
        end.write(b"x").unwrap();
        assert_eq!(read(end, 9), Ok((b"x".to_vec(), false)), "{shown}");
        let bytes = served.requests().pop().unwrap();
        let client = Request::decode(&bytes).unwrap().client;
        assert!(client.is_authenticated());
        assert_eq!(client.unix_name.as_deref(), Some(user));
        let encrypted = encryption == Encryption::Required;
        assert_eq!(client.encrypted.is_some(), encrypted, "{shown}");
    }
    let refused = open(with_password("swordfish"), Encryption::AsServed);
    assert_eq!(refused.unwrap_err().code(), Win32Error::LOGON_FAILURE);
}

//! Who a client is: from what Samba says to what a pipe's server is told.
//!
//! Layer: data to data.

use dotpipe::tokio::ClientOptions;

use super::event::Visitor;
use crate::npa::Request;

/// Who has come, for the log.
pub(super) fn visitor(request: &Request) -> Visitor {
    let client = &request.client;
    let account = match (&client.domain, &client.account) {
        (Some(domain), Some(account)) => Some(format!("{domain}\\{account}")),
        (None, Some(account)) => Some(account.clone()),
        _ => client.sids.first().map(ToString::to_string),
    };
    Visitor {
        user: account.unwrap_or_else(|| "somebody".into()),
        address: request.client_address.clone(),
        is_encrypted: client.encrypted.is_some(),
    }
}

/// In whose name an instance is opened.
pub(super) struct Claim;

/// The claim that a request makes.
pub(super) fn client(request: &Request) -> Result<Claim, String> {
    match request.client.is_authenticated() {
        true => Ok(Claim),
        false => Err("it has not logged on with an account".into()),
    }
}

impl Claim {
    pub(super) fn put_into(&self, _options: &mut ClientOptions) {}
}

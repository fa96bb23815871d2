//! Who a client is: from what Samba says to what a pipe's server is told.
//!
//! Layer: data to data. The rule it owns: a claim has everything that Samba said of the client and nothing that it did
//! not. What the client may do with the pipe is for the server's side to decide: a guest, or somebody who has not
//! logged on, makes a claim like anybody else.

use dotpipe::security::{Protection, RemoteClient, Sid, Token};

use super::event::Visitor;
use crate::npa::{Request, Sid as NpaSid};

/// Who has come, for the log.
pub(super) fn visitor(request: &Request) -> Visitor {
    let client = &request.client;
    let user = account(request).or_else(|| client.sids.first().map(ToString::to_string));
    Visitor {
        user: user.unwrap_or_else(|| "somebody".into()),
        address: request.client_address.clone(),
        is_encrypted: client.encrypted.is_some(),
    }
}

/// `DOMAIN\account`.
fn account(request: &Request) -> Option<String> {
    let account = request.client.account.as_deref()?;
    Some(match request.client.domain.as_deref() {
        Some(domain) if !domain.is_empty() => format!("{domain}\\{account}"),
        _ => account.to_owned(),
    })
}

/// The claim that a request makes: the first SID is the user's, the second one its primary group's.
pub(super) fn claim(request: &Request) -> Result<RemoteClient, &'static str> {
    let client = &request.client;
    let mut sids = client.sids.iter().map(sid);
    let (Some(Some(user)), Some(Some(group))) = (sids.next(), sids.next()) else {
        return Err("Samba does not say which user it is");
    };
    // All others that make sense, and the primary group, which is one of the groups.
    let groups = sids.flatten().chain([group]);
    let address = match request.client_address.as_str() {
        "" => "unknown",
        address => address,
    };
    let mut claim = RemoteClient::new(Token::of(user, group, groups), address)
        .user_name(account(request).unwrap_or_default());
    if client.encrypted.is_some() {
        // Of what is not encrypted Samba does not say whether it is signed.
        claim = claim.protection(Protection::Encrypted);
    }
    let number = |id: u64| u32::try_from(id).ok();
    if let Some(unix) = &client.unix
        && let (Some(user), Some(group)) = (number(unix.uid), number(unix.gid))
    {
        let groups = unix.groups.iter().copied().filter_map(number);
        claim = claim.unix_ids(user, group, groups);
    }
    Ok(claim)
}

/// By way of its text, the only form that both know; `None` for one without parts.
fn sid(sid: &NpaSid) -> Option<Sid> {
    sid.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &[u8] = include_bytes!("../npa/captures/level7-user.bin");
    const ANONYMOUS: &[u8] = include_bytes!("../npa/captures/level8-anonymous.bin");
    const ENCRYPTED: &[u8] = include_bytes!("../npa/captures/level8-encrypted.bin");

    fn request(bytes: &[u8]) -> Request {
        Request::decode(bytes).unwrap()
    }

    #[test]
    fn a_claim_says_what_samba_says() {
        let claim = claim(&request(USER)).unwrap();
        let token = claim.token();
        let domain = "S-1-5-21-2504310440-1276543701-266785172";
        assert_eq!(token.user().to_string(), format!("{domain}-1000"));
        assert_eq!(token.group().to_string(), format!("{domain}-513"));
        let groups = [
            token.group(),
            Sid::group(1),
            Sid::user(1),
            Sid::EVERYONE,
            Sid::NETWORK,
            Sid::AUTHENTICATED_USERS,
        ];
        for sid in groups {
            assert!(token.is(&sid), "{sid}");
        }
        assert_eq!(token.groups().count(), groups.len());
        assert_eq!(claim.computer(), "127.0.0.1");
        assert_eq!(claim.account(), Some(r"PRINTHOUSE\daemon"));
        assert_eq!(claim.unix_token(), Some(&Token::new(1, 1, [1])));
        assert_eq!(claim.protected(), Protection::Unknown);
    }

    #[test]
    fn who_has_not_logged_on_claims_nothing_else() {
        let claim = claim(&request(ANONYMOUS)).unwrap();
        assert_eq!(claim.token().user(), Sid::ANONYMOUS);
        assert!(!claim.token().is(&Sid::AUTHENTICATED_USERS));
    }

    #[test]
    fn encryption_is_passed_on() {
        let request = request(ENCRYPTED);
        assert_eq!(claim(&request).unwrap().protected(), Protection::Encrypted);
        assert!(visitor(&request).is_encrypted);
    }

    #[test]
    fn a_claim_needs_a_user_and_a_group() {
        let mut request = request(USER);
        request.client.sids.truncate(1);
        assert!(claim(&request).is_err());
        request.client_address.clear();
        request.client.account = None;
        assert_eq!(visitor(&request).user, request.client.sids[0].to_string());
    }
}

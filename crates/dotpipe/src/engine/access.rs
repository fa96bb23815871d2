//! Who may open a pipe, and how: what ends ask for, as rights. Arithmetic only.

use crate::exact::Result;
use crate::options::{Access, CreateOptions, DesiredAccess};
use crate::security::{PipeRights, SecurityDescriptor, Token, access_check};
use crate::win32::Win32Error;

/// Whether a client may open, with this access, a pipe that goes this way.
pub(super) fn check_client(
    pipe: Access,
    descriptor: &SecurityDescriptor,
    client: &Token,
    desired: DesiredAccess,
) -> Result<()> {
    let goes = (pipe.is_outbound() || !desired.contains(DesiredAccess::READ))
        && (pipe.is_inbound() || !desired.contains(DesiredAccess::WRITE));
    need(goes && access_check(descriptor, client, of_client(desired)))
}

/// Whether a process may serve an existing pipe with an instance of its own.
pub(super) fn check_server(
    descriptor: &SecurityDescriptor,
    server: &Token,
    options: &CreateOptions,
) -> Result<()> {
    need(access_check(descriptor, server, of_server(options)))
}

/// Whether somebody may do this to the descriptor itself.
pub(super) fn check_control(
    descriptor: &SecurityDescriptor,
    who: &Token,
    rights: PipeRights,
) -> Result<()> {
    need(access_check(descriptor, who, rights))
}

fn need(allowed: bool) -> Result<()> {
    if allowed {
        Ok(())
    } else {
        Err(Win32Error::ACCESS_DENIED)
    }
}

/// What opening a client end takes. Writing does not take the right to create an instance, although the
/// generic right to write has it: so Windows does it.
fn of_client(desired: DesiredAccess) -> PipeRights {
    let table = [
        (DesiredAccess::READ, PipeRights::READ),
        (
            DesiredAccess::WRITE,
            PipeRights::WRITE - PipeRights::CREATE_INSTANCE,
        ),
        (
            DesiredAccess::WRITE_ATTRIBUTES,
            PipeRights::WRITE_ATTRIBUTES,
        ),
        (DesiredAccess::READ_CONTROL, PipeRights::READ_CONTROL),
        (DesiredAccess::WRITE_DAC, PipeRights::WRITE_DAC),
        (DesiredAccess::WRITE_OWNER, PipeRights::WRITE_OWNER),
    ];
    let asked = table.iter().filter(|(asked, _)| desired.contains(*asked));
    asked.fold(
        PipeRights::READ_ATTRIBUTES | PipeRights::SYNCHRONIZE,
        |sum, (_, rights)| sum | *rights,
    )
}

/// What creating a further instance takes.
fn of_server(options: &CreateOptions) -> PipeRights {
    let table = [
        (options.access.is_inbound(), PipeRights::READ),
        (options.access.is_outbound(), PipeRights::WRITE),
        (options.write_dac, PipeRights::WRITE_DAC),
        (options.write_owner, PipeRights::WRITE_OWNER),
    ];
    let asked = table.iter().filter(|(asked, _)| *asked);
    asked.fold(
        PipeRights::CREATE_INSTANCE | PipeRights::SYNCHRONIZE,
        |sum, (_, rights)| sum | *rights,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direction_decides_for_everybody_and_the_user_for_the_rest() {
        let token = |user| Token::new(user, 100, []);
        let descriptor = SecurityDescriptor::default().of_creator(&token(1000));
        const R: DesiredAccess = DesiredAccess::READ;
        const W: DesiredAccess = DesiredAccess::WRITE;
        const NONE: DesiredAccess = DesiredAccess::empty();
        let table = [
            (Access::Inbound, W, true, false),
            (Access::Inbound, R, false, false),
            (Access::Inbound, R.union(W), false, false),
            (Access::Outbound, R, true, true),
            (Access::Outbound, W, false, false),
            (
                Access::Outbound,
                R.union(DesiredAccess::WRITE_ATTRIBUTES),
                true,
                false,
            ),
            (Access::Duplex, R.union(W), true, false),
            (Access::Duplex, R, true, true),
            (Access::Duplex, NONE, true, true),
            (Access::Duplex, DesiredAccess::READ_CONTROL, true, true),
            (Access::Duplex, DesiredAccess::WRITE_DAC, true, false),
        ];
        for (pipe, desired, for_owner, for_other) in table {
            let check = |user| check_client(pipe, &descriptor, &token(user), desired).is_ok();
            assert_eq!(check(1000), for_owner, "{pipe:?} {desired:?}");
            assert_eq!(check(1001), for_other, "{pipe:?} {desired:?}");
            assert_eq!(check(0), for_owner, "{pipe:?} {desired:?}");
        }
    }

    #[test]
    fn clients_that_write_need_not_be_allowed_to_serve() {
        let descriptor = SecurityDescriptor::for_everyone().of_creator(&Token::new(1, 1, []));
        let stranger = Token::new(2, 2, []);
        let both = DesiredAccess::READ | DesiredAccess::WRITE;
        let open = |desired| check_client(Access::Duplex, &descriptor, &stranger, desired);
        assert_eq!(open(both), Ok(()));
        assert_eq!(
            open(both | DesiredAccess::WRITE_DAC),
            Err(Win32Error::ACCESS_DENIED)
        );
        let serve = |descriptor: &SecurityDescriptor, access| {
            let options = CreateOptions {
                access,
                ..Default::default()
            };
            check_server(descriptor, &stranger, &options).is_ok()
        };
        assert!(!serve(&descriptor, Access::Duplex));
        let generous = descriptor.allow(crate::security::Sid::user(2), PipeRights::CREATE_INSTANCE);
        for access in [Access::Inbound, Access::Outbound, Access::Duplex] {
            assert!(serve(&generous, access), "{access:?}");
        }
        let reader: SecurityDescriptor = "D:(A;;FRLC;;;WD)".parse().unwrap();
        assert!(serve(&reader, Access::Inbound));
        assert!(!serve(&reader, Access::Duplex));
    }
}

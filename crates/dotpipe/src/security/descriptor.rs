//! [`SecurityDescriptor`]: the owner of a pipe and who may do what. Pure; it owns the common cases, the
//! default, and what the placeholders for a creator become.

use super::{PipeRights, Sid, Token};

/// Who may do what with a pipe: an owner, a group, and an ordered list of entries that allow or deny, the
/// DACL.
///
/// The first instance of a pipe brings it ([`CreateOptions::security`](crate::options::CreateOptions)); it
/// holds for all instances, and can be changed later.
///
/// It is read from and written as SDDL, the text form of Windows, by [`str::parse`] and
/// [`ToString::to_string`].
///
/// # The list
/// Entries are looked at in their order, and the first one that speaks of a right decides about it; so
/// those that deny should come first. What no entry allows is denied. An *empty* list lets nobody in; *no*
/// list ([`without_list`](Self::without_list), a NULL DACL) lets in everybody. An owner can always read and
/// change the list itself, unless an entry for [`Sid::OWNER_RIGHTS`] says otherwise.
///
/// # Examples
/// ```
/// use dotpipe::security::{AceKind, PipeRights, SecurityDescriptor, Sid};
///
/// let descriptor: SecurityDescriptor = "D:(A;;GRGW;;;WD)".parse()?;
/// let entry = descriptor.entries().unwrap()[0];
/// assert_eq!((entry.kind, entry.sid), (AceKind::Allow, Sid::EVERYONE));
/// assert_eq!(entry.rights, PipeRights::GENERIC_READ | PipeRights::GENERIC_WRITE);
/// # Ok::<(), dotpipe::security::SddlError>(())
/// ```
#[doc(alias = "SECURITY_DESCRIPTOR")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecurityDescriptor {
    pub(super) owner: Option<Sid>,
    pub(super) group: Option<Sid>,
    /// `None`: no list at all.
    pub(super) dacl: Option<Vec<Ace>>,
}

/// One entry of the list: an `ACCESS_ALLOWED_ACE` or an `ACCESS_DENIED_ACE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ace {
    /// Whether it allows or denies.
    pub kind: AceKind,
    /// Which rights.
    pub rights: PipeRights,
    /// To whom.
    pub sid: Sid,
}

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AceKind {
    /// It allows.
    Allow,
    /// It denies.
    Deny,
}

/// What a pipe gets on Linux whose creator names none: everything for the owner and for root, reading for everyone
/// and for anonymous clients of other machines, if the pipe accepts any.
///
/// Windows gives everything to the administrators as well; membership in group 0 is handed out more freely
/// than that.
impl Default for SecurityDescriptor {
    fn default() -> Self {
        SecurityDescriptor::owner_only()
            .allow(Sid::EVERYONE, PipeRights::READ)
            .allow(Sid::ANONYMOUS, PipeRights::READ)
    }
}

impl SecurityDescriptor {
    /// An empty list, for [`allow`](Self::allow) and [`deny`](Self::deny): nobody may do anything.
    pub fn new() -> SecurityDescriptor {
        SecurityDescriptor {
            owner: None,
            group: None,
            dacl: Some(Vec::new()),
        }
    }

    /// No list: everybody may do everything, even change the descriptor. SDDL: `D:NO_ACCESS_CONTROL`.
    pub fn without_list() -> SecurityDescriptor {
        SecurityDescriptor {
            owner: None,
            group: None,
            dacl: None,
        }
    }

    /// Everything for whoever creates the pipe and for root, nothing for others.
    pub fn owner_only() -> SecurityDescriptor {
        SecurityDescriptor::new()
            .allow(Sid::LOCAL_SYSTEM, PipeRights::ALL)
            .allow(Sid::CREATOR_OWNER, PipeRights::ALL)
    }

    /// [`owner_only`](Self::owner_only), and the members of a group may be clients that read and write.
    pub fn for_group(gid: u32) -> SecurityDescriptor {
        SecurityDescriptor::owner_only().allow(Sid::group(gid), PipeRights::CLIENT)
    }

    /// [`owner_only`](Self::owner_only), and everyone may be a client that reads and writes.
    pub fn for_everyone() -> SecurityDescriptor {
        SecurityDescriptor::owner_only().allow(Sid::EVERYONE, PipeRights::CLIENT)
    }

    /// Adds an entry at the end that allows. Without a list there is nothing to add to: one begins.
    pub fn allow(self, sid: Sid, rights: PipeRights) -> SecurityDescriptor {
        self.with(AceKind::Allow, sid, rights)
    }

    /// Adds an entry at the end that denies. It has no say in what an entry before it allows.
    pub fn deny(self, sid: Sid, rights: PipeRights) -> SecurityDescriptor {
        self.with(AceKind::Deny, sid, rights)
    }

    fn with(mut self, kind: AceKind, sid: Sid, rights: PipeRights) -> SecurityDescriptor {
        let entry = Ace { kind, rights, sid };
        self.dacl.get_or_insert_default().push(entry);
        self
    }

    /// Names the owner. A pipe that is created belongs to its creator, whatever this says; an owner that is
    /// set later must be whoever sets it, unless that is root.
    pub fn with_owner(mut self, owner: Sid) -> SecurityDescriptor {
        self.owner = Some(owner);
        self
    }

    /// Names the group, which has no part in who may do what.
    pub fn with_group(mut self, group: Sid) -> SecurityDescriptor {
        self.group = Some(group);
        self
    }

    /// The owner; that of a pipe is always known.
    pub fn owner(&self) -> Option<Sid> {
        self.owner
    }

    /// The group; that of a pipe is always known.
    pub fn group(&self) -> Option<Sid> {
        self.group
    }

    /// The list in its order; `None` when there is none and everybody may do everything.
    pub fn entries(&self) -> Option<&[Ace]> {
        self.dacl.as_deref()
    }

    /// The descriptor of a pipe that `creator` makes: it belongs to the creator, generic rights are what they
    /// stand for, and the placeholders are whom they stand for.
    pub(crate) fn of_creator(&self, creator: &Token) -> SecurityDescriptor {
        SecurityDescriptor {
            owner: Some(creator.user()),
            group: Some(creator.group()),
            dacl: self.dacl.clone(),
        }
        .resolved()
    }

    /// The descriptor of a pipe that had `old` and is given this one. What is not named stays.
    pub(crate) fn after(&self, old: &SecurityDescriptor) -> SecurityDescriptor {
        SecurityDescriptor {
            owner: self.owner.or(old.owner),
            group: self.group.or(old.group),
            dacl: self.dacl.clone(),
        }
        .resolved()
    }

    /// Whether an entry is for the owner or the group, whoever that is.
    #[cfg(windows)] // on Linux what a pipe had is always at hand
    pub(crate) fn has_placeholders(&self) -> bool {
        let mut entries = self.dacl.iter().flatten();
        entries.any(|entry| [Sid::CREATOR_OWNER, Sid::CREATOR_GROUP].contains(&entry.sid))
    }

    fn resolved(mut self) -> SecurityDescriptor {
        let (owner, group) = (self.owner, self.group);
        for entry in self.dacl.iter_mut().flatten() {
            entry.rights = entry.rights.without_generic();
            let stands_for = match entry.sid {
                Sid::CREATOR_OWNER => owner,
                Sid::CREATOR_GROUP => group,
                _ => None,
            };
            entry.sid = stands_for.unwrap_or(entry.sid);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creator_takes_the_place_of_the_placeholders() {
        let creator = Token::new(1000, 100, []);
        let given: SecurityDescriptor = "O:SYG:BAD:(A;;GA;;;CO)(A;;GR;;;CG)(D;;GW;;;AN)"
            .parse()
            .unwrap();
        let expected = "O:S-1-22-1-1000G:S-1-22-2-100\
                        D:(A;;FA;;;S-1-22-1-1000)(A;;FR;;;S-1-22-2-100)(D;;FW;;;AN)";
        assert_eq!(given.of_creator(&creator).to_string(), expected);
    }

    #[test]
    fn what_a_later_descriptor_does_not_name_stays() {
        let old = SecurityDescriptor::default().of_creator(&Token::new(1, 2, []));
        let given: SecurityDescriptor = "G:S-1-22-2-9D:(A;;GR;;;CO)".parse().unwrap();
        assert_eq!(
            given.after(&old).to_string(),
            "O:S-1-22-1-1G:S-1-22-2-9D:(A;;FR;;;S-1-22-1-1)"
        );
    }
}

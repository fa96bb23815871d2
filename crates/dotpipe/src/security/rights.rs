//! [`PipeRights`]: the access mask of a pipe. Pure; it owns what the generic rights stand for.

use bitflags::bitflags;

bitflags! {
    /// Rights to a pipe: an `ACCESS_MASK`, with the numbers of Windows.
    ///
    /// Bits without a name here are kept as they are.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct PipeRights: u32 {
        /// `FILE_READ_DATA`: read and peek.
        const READ_DATA = 0x1;
        /// `FILE_WRITE_DATA`: write.
        const WRITE_DATA = 0x2;
        /// `FILE_CREATE_PIPE_INSTANCE`, which is `FILE_APPEND_DATA`: serve the pipe with another instance.
        /// It is no client's to ask for: opening a pipe with `GENERIC_WRITE` does not need it.
        const CREATE_INSTANCE = 0x4;
        /// `FILE_READ_EA`. A pipe has none; `GENERIC_READ` asks for it.
        const READ_EXTENDED_ATTRIBUTES = 0x8;
        /// `FILE_WRITE_EA`. A pipe has none; `GENERIC_WRITE` asks for it.
        const WRITE_EXTENDED_ATTRIBUTES = 0x10;
        /// `FILE_EXECUTE`. It means nothing for a pipe; `GENERIC_EXECUTE` asks for it.
        const EXECUTE = 0x20;
        /// `FILE_DELETE_CHILD`. It means nothing for a pipe.
        const DELETE_CHILD = 0x40;
        /// `FILE_READ_ATTRIBUTES`: ask for state and info. Every open needs it.
        const READ_ATTRIBUTES = 0x80;
        /// `FILE_WRITE_ATTRIBUTES`: change the modes of an end.
        const WRITE_ATTRIBUTES = 0x100;
        /// `DELETE`. It means nothing for a pipe.
        const DELETE = 0x1_0000;
        /// `READ_CONTROL`: read the security descriptor.
        const READ_CONTROL = 0x2_0000;
        /// `WRITE_DAC`: change who may do what.
        const WRITE_DAC = 0x4_0000;
        /// `WRITE_OWNER`: become the owner.
        const WRITE_OWNER = 0x8_0000;
        /// `SYNCHRONIZE`: wait. Every open needs it.
        const SYNCHRONIZE = 0x10_0000;
        /// `GENERIC_ALL`: stands for [`ALL`](Self::ALL).
        const GENERIC_ALL = 0x1000_0000;
        /// `GENERIC_EXECUTE`: stands for `FILE_GENERIC_EXECUTE`.
        const GENERIC_EXECUTE = 0x2000_0000;
        /// `GENERIC_WRITE`: stands for [`WRITE`](Self::WRITE).
        const GENERIC_WRITE = 0x4000_0000;
        /// `GENERIC_READ`: stands for [`READ`](Self::READ).
        const GENERIC_READ = 0x8000_0000;

        /// `FILE_GENERIC_READ`: what reading takes.
        const READ = 0x12_0089;
        /// `FILE_GENERIC_WRITE`: what writing takes, and [`CREATE_INSTANCE`](Self::CREATE_INSTANCE), which
        /// has the same bit as appending to a file. For clients there is [`CLIENT`](Self::CLIENT).
        const WRITE = 0x12_0116;
        /// `FILE_ALL_ACCESS`: everything.
        const ALL = 0x1f_01ff;
        /// What a client needs to read and to write: [`READ`](Self::READ) and [`WRITE`](Self::WRITE)
        /// without [`CREATE_INSTANCE`](Self::CREATE_INSTANCE). Whoever grants `WRITE` to clients lets them
        /// pose as the server.
        const CLIENT = 0x12_019b;

        const _ = !0;
    }
}

/// `FILE_GENERIC_EXECUTE`.
const FILE_GENERIC_EXECUTE: PipeRights = PipeRights::from_bits_retain(0x12_00a0);

impl PipeRights {
    /// The same rights with each generic one replaced by what it stands for: `MapGenericMask`.
    #[doc(alias = "MapGenericMask")]
    pub fn without_generic(self) -> PipeRights {
        let mapping = [
            (PipeRights::GENERIC_READ, PipeRights::READ),
            (PipeRights::GENERIC_WRITE, PipeRights::WRITE),
            (PipeRights::GENERIC_EXECUTE, FILE_GENERIC_EXECUTE),
            (PipeRights::GENERIC_ALL, PipeRights::ALL),
        ];
        let mut rights = self;
        for (generic, specific) in mapping {
            if self.contains(generic) {
                rights = rights.difference(generic).union(specific);
            }
        }
        rights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_windows_headers() {
        use PipeRights as R;
        assert_eq!(
            R::READ,
            R::READ_DATA
                | R::READ_EXTENDED_ATTRIBUTES
                | R::READ_ATTRIBUTES
                | R::READ_CONTROL
                | R::SYNCHRONIZE
        );
        assert_eq!(
            R::WRITE,
            R::WRITE_DATA
                | R::CREATE_INSTANCE
                | R::WRITE_EXTENDED_ATTRIBUTES
                | R::WRITE_ATTRIBUTES
                | R::READ_CONTROL
                | R::SYNCHRONIZE
        );
        assert_eq!(R::CLIENT, (R::READ | R::WRITE) - R::CREATE_INSTANCE);
        assert_eq!(
            (R::GENERIC_READ | R::GENERIC_WRITE | R::WRITE_DAC).without_generic(),
            R::READ | R::WRITE | R::WRITE_DAC
        );
        assert_eq!(R::GENERIC_ALL.without_generic(), R::ALL);
        assert_eq!(R::GENERIC_EXECUTE.without_generic().bits(), 0x12_00a0);
    }
}

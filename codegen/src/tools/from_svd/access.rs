//! Conversion of SVD's kinds of access to the keywords of descriptions.

use svd_rs::{Access as SvdAccess, ModifiedWriteValues as Written, ReadAction};

use crate::description::Access;

/// What an SVD says of the access to a register or field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub access: SvdAccess,
    pub written: Written,
    pub read: Option<ReadAction>,
}

impl Kind {
    /// Returns the kind of a register or field, whose own values replace those around it.
    pub fn within(self, access: Option<SvdAccess>, written: Option<Written>, read: Option<ReadAction>) -> Self {
        Self {
            access: access.unwrap_or(self.access),
            written: written.unwrap_or(self.written),
            read: read.or(self.read),
        }
    }

    /// Returns the kind of access of a description, and what it does not express.
    ///
    /// If there is no such kind, the result allows less: it never makes a driver write something that has an effect
    /// which the result does not have.
    pub fn described(self) -> (Access, Option<&'static str>) {
        let (access, lost) = match self.access {
            SvdAccess::ReadOnly => return self.read_only(),
            SvdAccess::WriteOnly => (Access::WriteOnly, None),
            SvdAccess::WriteOnce => (Access::WriteOnly, Some("only the first write counts")),
            SvdAccess::ReadWrite => (Access::ReadWrite, None),
            SvdAccess::ReadWriteOnce => (Access::ReadWrite, Some("only the first write counts")),
        };
        if access == Access::WriteOnly { self.write_only(lost) } else { self.read_write(lost) }
    }

    fn read_only(self) -> (Access, Option<&'static str>) {
        match self.read {
            None => (Access::ReadOnly, None),
            Some(ReadAction::Clear) => (Access::ReadClears, None),
            Some(ReadAction::Set) => (Access::ReadClears, Some("a read sets it")),
            Some(ReadAction::Modify) => (Access::ReadClears, Some("a read changes it")),
            Some(ReadAction::ModifyExternal) => (Access::ReadClears, Some("a read changes something else")),
        }
    }

    fn write_only(self, lost: Option<&'static str>) -> (Access, Option<&'static str>) {
        let acts = match self.written {
            // No bit of it is written back, so zeros have no effect.
            Written::OneToClear | Written::OneToSet | Written::OneToToggle | Written::Modify => None,
            // A write of its neighbours writes ones to it.
            Written::ZeroToClear => {
                return (Access::WriteZeroClears, lost.or(Some("a zero clears the bit, and it cannot be read")));
            }
            Written::ZeroToSet => Some("a zero sets the bit"),
            Written::ZeroToToggle => Some("a zero toggles the bit"),
            Written::Clear => Some("any write clears it"),
            Written::Set => Some("any write sets it"),
        };
        match acts {
            // A driver must not write a zero to it by writing its neighbours.
            Some(acts) => (Access::ReadOnly, Some(acts)),
            None => (Access::WriteOnly, lost.or(self.read.map(|_| "a read has a side effect"))),
        }
    }

    fn read_write(self, lost: Option<&'static str>) -> (Access, Option<&'static str>) {
        let acts = match self.written {
            Written::Modify => return self.stores(lost),
            Written::OneToClear => return self.clears(lost),
            Written::OneToSet if self.read.is_none() => return (Access::WriteOneSets, lost),
            Written::OneToSet => "a one sets the bit, and a read has a side effect",
            // What was read must not be written back, because its ones would act.
            Written::OneToToggle => return (Access::WriteOnly, Some("a one toggles the bit, and it can be read")),
            Written::ZeroToClear if self.read.is_none() => return (Access::WriteZeroClears, lost),
            Written::ZeroToClear => "a zero clears the bit, and a read has a side effect",
            Written::ZeroToSet => "a zero sets the bit",
            Written::ZeroToToggle => "a zero toggles the bit",
            Written::Clear if self.read.is_none() => return (Access::SelfClearing, Some("any write clears it")),
            Written::Clear => "any write clears it",
            Written::Set => "any write sets it",
        };
        let access = if self.read.is_some() { Access::ReadClears } else { Access::ReadOnly };
        (access, Some(acts))
    }

    fn stores(self, lost: Option<&'static str>) -> (Access, Option<&'static str>) {
        match self.read {
            None => (Access::ReadWrite, lost),
            Some(ReadAction::Set) => (Access::ReadSets, lost),
            Some(ReadAction::Clear) => (Access::ReadClears, Some("a read clears it, and a write stores")),
            Some(ReadAction::Modify) => (Access::ReadClears, Some("a read changes it, and a write stores")),
            Some(ReadAction::ModifyExternal) => {
                (Access::ReadClears, Some("a read changes something else, and a write stores"))
            }
        }
    }

    fn clears(self, lost: Option<&'static str>) -> (Access, Option<&'static str>) {
        match self.read {
            None => (Access::WriteOneClears, lost),
            Some(ReadAction::Clear) => (Access::ReadOrWriteOneClears, lost),
            Some(_) => (Access::ReadOrWriteOneClears, Some("a read changes it, but does not clear it")),
        }
    }
}

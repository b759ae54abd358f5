//! Only a register that can be written says who may write it, or that writing it hands work to the chip.

use crate::description::{Access, Description, Register, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Spanned;

struct NeverWritten<'a> {
    register: &'a Register,
    rule: &'a Word,
}

impl From<NeverWritten<'_>> for Diagnostic {
    fn from(mistake: NeverWritten<'_>) -> Self {
        let NeverWritten { register, rule } = mistake;
        let message = format!("nothing of register `{}` can be written", register.name.value);
        Diagnostic::new(message, rule.span, "there is no write that this could allow")
            .other(register.access.span, format!("its access is `{}`", register.access.word()))
    }
}

struct NoDoorbell<'a> {
    register: &'a Register,
    access: Spanned<Access>,
}

impl From<NoDoorbell<'_>> for Diagnostic {
    fn from(mistake: NoDoorbell<'_>) -> Self {
        let NoDoorbell { register, access } = mistake;
        let message = format!("nothing of doorbell `{}` can be `{}`", register.name.value, access.value.word());
        Diagnostic::new(message, access.span, "").other(register.name.span, "each write of it gives the whole value")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        let only = |kinds: &[Access]| register.accesses().all(|access| kinds.contains(&access.value));
        let rule = register.write_in.as_ref().and_then(|rules| rules.first());
        if let Some(rule) = rule.filter(|_| only(&[Access::ReadOnly, Access::ReadClears])) {
            mistakes.report(NeverWritten { register, rule });
        }
        let plain = |access: &Spanned<Access>| matches!(access.value, Access::ReadWrite | Access::WriteOnly);
        if let Some(access) = register.accesses().find(|access| register.doorbell && !plain(access)) {
            mistakes.report(NoDoorbell { register, access });
        }
    }
}

//! Only a register that can be written says who may write it, or that writing it hands work to the chip.

use crate::description::{Access, Description, Name, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct NeverWritten<'a> {
    register: &'a Register,
    rule: &'a Name,
}

impl From<NeverWritten<'_>> for Diagnostic {
    fn from(error: NeverWritten<'_>) -> Self {
        let NeverWritten { register, rule } = error;
        let message = format!("nothing of register `{}` can be written", register.name.value);
        Diagnostic::new(message, rule.span, "there is no write that this could allow")
            .secondary(register.access.span, format!("its access is `{}`", register.access.keyword()))
    }
}

struct NoDoorbell<'a> {
    register: &'a Register,
    access: Spanned<Access>,
}

impl From<NoDoorbell<'_>> for Diagnostic {
    fn from(error: NoDoorbell<'_>) -> Self {
        let NoDoorbell { register, access } = error;
        let message = format!("nothing of doorbell `{}` can be `{}`", register.name.value, access.value.keyword());
        Diagnostic::new(message, access.span, "")
            .secondary(register.name.span, "each write of it gives the whole value")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        let only = |kinds: &[Access]| register.accesses().all(|access| kinds.contains(&access.value));
        let rule = register.write_in.as_ref().and_then(|rules| rules.first());
        if let Some(rule) = rule.filter(|_| only(&[Access::ReadOnly, Access::ReadClears])) {
            diagnostics.report(NeverWritten { register, rule });
        }
        let plain = |access: &Spanned<Access>| matches!(access.value, Access::ReadWrite | Access::WriteOnly);
        if let Some(access) = register.accesses().find(|access| register.doorbell && !plain(access)) {
            diagnostics.report(NoDoorbell { register, access });
        }
    }
}

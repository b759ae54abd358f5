//! Only a writable register has `write_in` or `doorbell`.

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
        let label = format!("`{}` has no writable field", register.name.value);
        Diagnostic::new("`write_in` on a register that is never writable", rule.span, label)
            .secondary(register.access.span, format!("its access is `{}`", register.access.keyword()))
            .help("remove `write_in`, or correct `access`")
    }
}

struct NoDoorbell<'a> {
    register: &'a Register,
    access: Spanned<Access>,
}

impl From<NoDoorbell<'_>> for Diagnostic {
    fn from(error: NoDoorbell<'_>) -> Self {
        let NoDoorbell { register, access } = error;
        let message = format!("a doorbell cannot have `{}` access", access.value.keyword());
        Diagnostic::new(message, access.span, "must be `rw` or `wo`")
            .secondary(register.name.span, format!("`{}` is a doorbell", register.name.value))
            .note("a doorbell write stores the whole register")
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

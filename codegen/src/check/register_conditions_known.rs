//! Every `when` of a register names a field of another register and a value that fits this field.
//!
//! The `overlaps` of the description name registers.

use super::{Unknown, known, registers_by_name};
use crate::description::{Bits, Description, Name, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct Impossible<'a> {
    condition: &'a Name,
    value: Spanned<u64>,
    bits: Spanned<Bits>,
}

impl From<Impossible<'_>> for Diagnostic {
    fn from(error: Impossible<'_>) -> Self {
        let Impossible { condition, value, bits } = error;
        Diagnostic::new(
            format!("`{}` is never {}", condition.value, value.value),
            value.span,
            format!("greater than {}", bits.max()),
        )
        .secondary(bits.span, format!("holds up to {}", bits.max()))
    }
}

struct OnItself<'a> {
    register: &'a Name,
    condition: &'a Name,
}

impl From<OnItself<'_>> for Diagnostic {
    fn from(error: OnItself<'_>) -> Self {
        let message = format!("the address of `{}` cannot depend on a field of its own", error.register.value);
        Diagnostic::new(message, error.condition.span, "a field of the same register")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let registers = registers_by_name(description);
    for register in &description.registers {
        for (condition, value) in &register.when {
            match condition.split_once('.').and_then(|(of, field)| Some((of, registers.get(of)?.fields.get(field)?))) {
                None => {
                    let fields = known(description.registers.iter().flat_map(fields), diagnostics);
                    let known: Vec<_> = fields.iter().map(String::as_str).collect();
                    let unknown = Unknown { what: "field", word: condition, known: known.clone() };
                    diagnostics.report(match condition.contains('.') {
                        true => unknown.into(),
                        // Without a register, it may be a correct `when` of a field.
                        false => {
                            let with_register = |field: &&str| field.ends_with(&format!(".{}", condition.value));
                            let example = known.iter().copied().find(with_register).unwrap_or("REGISTER.FIELD");
                            Diagnostic::from(Unknown { known: Vec::new(), ..unknown })
                                .help(format!("write the register and the field: `{example}: 1`"))
                        }
                    });
                }
                Some((of, _)) if of == register.name.as_str() => {
                    diagnostics.report(OnItself { register: &register.name, condition });
                }
                Some((_, field)) if value.value > field.bits.max() => {
                    diagnostics.report(Impossible { condition, value: *value, bits: field.bits });
                }
                Some(_) => {}
            }
        }
    }
    for word in description.overlaps.iter().flat_map(|(one, other)| [one, other]) {
        if !registers.contains_key(word.as_str()) {
            let known = known(description.registers.iter().map(|register| register.name.as_str()), diagnostics);
            diagnostics.report(Unknown { what: "register", word, known });
        }
    }
}

fn fields(register: &Register) -> impl Iterator<Item = String> {
    register.fields.keys().map(|field| format!("{}.{}", register.name.value, field.value))
}

//! Lookup of a register, descriptor or field: `CTRL`, `CTRL.RST`, `RAL[3]`, `ral`, or a name in other drivers.

use super::CommandError;
use crate::lower::{Descriptor, Map, Register};

/// The result of a lookup.
#[derive(Debug)]
pub struct Found<'m, 'a> {
    /// The register or descriptor.
    pub entry: Entry<'m, 'a>,
    /// The element of an array.
    pub element: Option<u64>,
    /// The name of the field, which exists.
    pub field: Option<&'m str>,
}

/// A register or a descriptor.
#[derive(Debug)]
pub enum Entry<'m, 'a> {
    /// A register.
    Register(&'m Register<'a>),
    /// The formats of a descriptor.
    Descriptor(Vec<&'m Descriptor<'a>>),
}

impl<'m> Entry<'m, '_> {
    fn fields(&self) -> Vec<(&'m str, Vec<&'m str>)> {
        let fields = match self {
            Self::Register(register) => register.fields.iter().collect::<Vec<_>>(),
            Self::Descriptor(formats) => formats.iter().flat_map(|format| &format.fields).collect(),
        };
        let others = |field: &'m crate::lower::Field<'_>| {
            let names = field.described.other_names.iter().map(|name| name.as_str());
            names.chain(field.described.name.as_deref()).collect()
        };
        fields.into_iter().map(|field| (field.name.as_str(), others(field))).collect()
    }
}

/// Looks for a register, a descriptor, or a field of one.
///
/// # Errors
///
/// [`CommandError`] if there is none, with the closest name.
pub fn find<'m, 'a>(map: &'m Map<'a>, name: &str) -> Result<Found<'m, 'a>, CommandError> {
    let (whole, field) = match name.split_once('.') {
        Some((whole, field)) => (whole, Some(field)),
        None => (name, None),
    };
    let (whole, element) = match whole.strip_suffix(']').and_then(|whole| whole.split_once('[')) {
        Some((whole, element)) => {
            let error = || {
                let error = CommandError::new(format!("`{element}` is not an element number"));
                error.help("write a number, such as RAL[3]")
            };
            (whole, Some(super::number(element).and_then(|number| u64::try_from(number).ok()).ok_or_else(error)?))
        }
        None => (whole, None),
    };

    let registers = map.registers.iter().map(|register| {
        let others = register.described.other_names.iter().map(|name| name.as_str()).collect();
        (register.described.name.as_str(), others)
    });
    let descriptors = map.descriptors.iter().map(|format| (format.described.name.as_str(), Vec::new()));
    let known: Vec<(&str, Vec<&str>)> = registers.chain(descriptors).collect();
    let Some(found) = pick(whole, &known) else {
        let names = known.iter().flat_map(|(name, others)| others.iter().chain([name])).copied();
        return Err(CommandError::new(format!("there is no register or descriptor `{whole}`")).suggest(whole, names));
    };
    let entry = match map.registers.iter().find(|register| register.described.name.as_str() == found) {
        Some(register) => Entry::Register(register),
        None => {
            Entry::Descriptor(map.descriptors.iter().filter(|format| format.described.name.as_str() == found).collect())
        }
    };

    if let Some(element) = element {
        let count = match &entry {
            Entry::Register(register) if register.described.array.is_some() => register.described.count(),
            _ => return Err(CommandError::new(format!("`{found}` is not an array"))),
        };
        if element >= count {
            return Err(CommandError::new(format!("`{found}` has no element {element}"))
                .help(format!("its elements are 0 to {}", count.saturating_sub(1))));
        }
    }
    let field = match field {
        None => None,
        Some(field) => {
            let known = entry.fields();
            let error = || {
                let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                let error = CommandError::new(format!("`{found}` has no field `{field}`"));
                match crate::diagnostic::closest(field, names.iter().copied()) {
                    Some(_) => error.suggest(field, names),
                    None if names.is_empty() => error,
                    None => error.help(format!("its fields are {}", names.join(", "))),
                }
            };
            Some(pick(field, &known).ok_or_else(error)?)
        }
    };
    Ok(Found { entry, element, field })
}

/// Returns the exact name, or one that differs in case, or one with that name in other drivers.
fn pick<'m>(name: &str, known: &[(&'m str, Vec<&'m str>)]) -> Option<&'m str> {
    let exact = known.iter().find(|(known, _)| *known == name);
    let case = || known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let other = || known.iter().find(|(_, others)| others.iter().any(|other| other.eq_ignore_ascii_case(name)));
    exact.or_else(case).or_else(other).map(|(known, _)| *known)
}

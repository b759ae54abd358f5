//! The form of each part of a description: the order of its keys, and whether it may be on one line.

use crate::source::Spanned;
use crate::yaml::tree::Node;

/// The form of a value.
pub(super) struct Form {
    pub(super) breaks: Breaks,
    pub(super) of: Of,
}

/// The rule for one line per entry of a list or mapping.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Breaks {
    /// Always one line per entry.
    Always,
    /// Only if it does not fit on one line.
    Unfitting,
}

/// The content of a value.
pub(super) enum Of {
    /// A value that keeps its spelling.
    Value,
    /// A hexadecimal number with at least this number of digits.
    Hexadecimal(usize),
    /// Known keys, in this order.
    Keys(&'static [(&'static str, &'static Form)]),
    /// Names of any kind, in the order of the file.
    Names(&'static Form),
    /// A list.
    Items(&'static Form),
    /// A list with a blank line between its entries.
    Entries(&'static Form),
}

const fn always(of: Of) -> Form {
    Form { breaks: Breaks::Always, of }
}

const fn fitting(of: Of) -> Form {
    Form { breaks: Breaks::Unfitting, of }
}

pub(super) static VALUE: Form = fitting(Of::Value);
static OFFSET: Form = fitting(Of::Hexadecimal(5));
static STRIDE: Form = fitting(Of::Hexadecimal(1));
static WORD: Form = fitting(Of::Hexadecimal(8));
static VALUES: Form = fitting(Of::Items(&VALUE));
static NAMED: Form = fitting(Of::Names(&VALUE));

/// Returns the form of a file: of an extension, if it has the key `extension`.
pub(super) fn of_file(entries: &[(Spanned<String>, Node)]) -> &'static Form {
    let extends = entries.iter().any(|(key, _)| key.value == "extension");
    if extends { &EXTENSION } else { &DESCRIPTION }
}

pub(super) static DESCRIPTION: Form = always(Of::Keys(&[
    ("chip", &VALUE),
    ("title", &VALUE),
    ("datasheet", &DATASHEET),
    ("allow", &ALLOW),
    ("groups", &GROUPS),
    ("blocks", &BLOCKS),
    ("size", &OFFSET),
    ("widths", &VALUES),
    ("byte_order", &VALUE),
    ("forbidden", &FORBIDDEN),
    ("indices", &INDICES),
    ("permissions", &PERMISSIONS),
    ("write_in", &VALUES),
    ("registers", &REGISTERS),
    ("overlaps", &OVERLAPS),
    ("pairs", &PAIRS),
    ("windows", &WINDOWS),
    ("descriptors", &DESCRIPTORS),
]));
static EXTENSION: Form = always(Of::Keys(&[
    ("extension", &VALUE),
    ("extends", &VALUE),
    ("allow", &ALLOW),
    ("groups", &GROUPS),
    ("indices", &INDICES),
    ("permissions", &PERMISSIONS),
    ("registers", &REGISTERS),
    ("additions", &ADDITIONS),
    ("pairs", &PAIRS),
    ("descriptors", &DESCRIPTORS),
    ("descriptor_additions", &ADDITIONS),
]));
static ADDITIONS: Form = always(Of::Names(&ADDITION));
static ADDITION: Form = always(Of::Keys(&[
    ("memory_safety", &VALUE),
    ("device_state", &VALUE),
    ("hardware_damage", &VALUE),
    ("fields", &FIELDS),
    ("values", &ADDED_VALUES),
]));
static ADDED_VALUES: Form = always(Of::Names(&NAMED));
static DATASHEET: Form = fitting(Of::Keys(&[("document", &VALUE), ("revision", &VALUE)]));
static GROUPS: Form = always(Of::Names(&VALUE));
static BLOCKS: Form = always(Of::Names(&BLOCK));
static BLOCK: Form = fitting(Of::Keys(&[("title", &VALUE)]));
static FORBIDDEN: Form = always(Of::Items(&FORBIDDEN_ADDRESS));
static FORBIDDEN_ADDRESS: Form = fitting(Of::Keys(&[
    ("name", &VALUE),
    ("offset", &OFFSET),
    ("length", &VALUE),
    ("reason", &VALUE),
    ("source", &VALUE),
]));
static INDICES: Form = always(Of::Names(&INDEX));
static INDEX: Form = fitting(Of::Keys(&[("count", &VALUE), ("doc", &VALUE)]));
static PERMISSIONS: Form = always(Of::Names(&PERMISSION));
static PERMISSION: Form = fitting(Of::Keys(&[("kind", &VALUE), ("doc", &VALUE), ("implies", &VALUES)]));

static REGISTERS: Form = always(Of::Entries(&REGISTER));
static REGISTER: Form = always(Of::Keys(&[
    ("name", &VALUE),
    ("title", &VALUE),
    ("section", &VALUE),
    ("page", &VALUE),
    ("group", &VALUE),
    ("block", &VALUE),
    ("when", &NAMED),
    ("offset", &OFFSET),
    ("array", &ARRAY),
    ("aliases", &ALIASES),
    ("width", &VALUE),
    ("access", &VALUE),
    ("reset", &WORD),
    ("reset_known", &WORD),
    ("reserved", &VALUE),
    ("reserved_bits", &RESERVED_BITS),
    ("write_in", &VALUES),
    ("memory_safety", &VALUE),
    ("device_state", &VALUE),
    ("hardware_damage", &VALUE),
    ("doorbell", &VALUE),
    ("required_values", &NAMED),
    ("overlaps", &OVERLAPS),
    ("fields_of", &VALUE),
    ("fields", &FIELDS),
    ("errata", &ERRATA),
    ("doubts", &DOUBTS),
    ("other_names", &VALUES),
    ("allow", &ALLOW),
    ("doc", &VALUE),
]));
static ALLOW: Form = fitting(Of::Names(&VALUE));
static ARRAY: Form = fitting(Of::Keys(&[("index", &VALUE), ("ranges", &RANGES)]));
static RANGES: Form = fitting(Of::Items(&RANGE));
static RANGE: Form = fitting(Of::Keys(&[("first", &VALUE), ("count", &VALUE), ("base", &OFFSET), ("stride", &STRIDE)]));
static ALIASES: Form = fitting(Of::Items(&ALIAS));
static ALIAS: Form = fitting(Of::Keys(&[("first", &VALUE), ("count", &VALUE), ("base", &OFFSET), ("stride", &STRIDE)]));
static RESERVED_BITS: Form = always(Of::Items(&RESERVED));
static RESERVED: Form = fitting(Of::Keys(&[("bits", &VALUE), ("policy", &VALUE), ("why", &VALUE)]));
static FIELDS: Form = always(Of::Names(&FIELD));
static FIELD: Form = fitting(Of::Keys(&[
    ("bits", &VALUE),
    ("name", &VALUE),
    ("when", &NAMED),
    ("fixed", &VALUE),
    ("access", &VALUE),
    ("memory_safety", &VALUE),
    ("unit", &VALUE),
    ("range", &VALUES),
    ("doc", &VALUE),
    ("values", &ENUMERATED),
    ("errata", &ERRATA),
    ("doubts", &DOUBTS),
    ("other_names", &VALUES),
    ("allow", &ALLOW),
]));
/// Named values take most of the length of a long field, so they always get lines.
static ENUMERATED: Form = always(Of::Names(&VALUE));
static OVERLAPS: Form = always(Of::Items(&VALUES));
static ERRATA: Form = always(Of::Items(&ERRATUM));
static ERRATUM: Form = fitting(Of::Keys(&[("id", &VALUE), ("text", &VALUE)]));
static DOUBTS: Form = always(Of::Items(&DOUBT));
static DOUBT: Form = fitting(Of::Keys(&[("label", &VALUE), ("text", &VALUE)]));

static PAIRS: Form = always(Of::Items(&PAIR));
static PAIR: Form =
    fitting(Of::Keys(&[("name", &VALUE), ("low", &VALUE), ("high", &VALUE), ("order", &VALUE), ("doc", &VALUE)]));

static WINDOWS: Form = always(Of::Items(&WINDOW));
static WINDOW: Form = fitting(Of::Keys(&[
    ("name", &VALUE),
    ("select", &VALUE),
    ("index", &VALUE),
    ("count", &VALUE),
    ("registers", &VALUES),
    ("commands", &COMMANDS),
    ("doc", &VALUE),
]));
static COMMANDS: Form = fitting(Of::Keys(&[("read", &NAMED), ("write", &NAMED), ("done", &NAMED)]));

static DESCRIPTORS: Form = always(Of::Entries(&DESCRIPTOR));
static DESCRIPTOR: Form = always(Of::Keys(&[
    ("name", &VALUE),
    ("format", &VALUE),
    ("title", &VALUE),
    ("section", &VALUE),
    ("page", &VALUE),
    ("bits", &VALUE),
    ("tail", &VALUE),
    ("byte_order", &VALUE),
    ("done", &VALUE),
    ("last", &VALUE),
    ("report", &VALUE),
    ("reserved", &VALUES),
    ("overlaps", &OVERLAPS),
    ("fields", &FIELDS),
    ("errata", &ERRATA),
    ("doubts", &DOUBTS),
    ("allow", &ALLOW),
    ("doc", &VALUE),
]));

impl Form {
    /// Returns the form of the items of a list.
    pub(super) fn item(&self) -> &'static Form {
        match self.of {
            Of::Items(form) | Of::Entries(form) => form,
            _ => &VALUE,
        }
    }
}

/// Returns the entries of a mapping in the canonical order, each with its form. Unknown keys come last.
pub(super) fn ordered<'a>(
    entries: &'a [(Spanned<String>, Node)],
    form: &'static Form,
) -> Vec<(&'a Spanned<String>, &'a Node, &'static Form)> {
    let place = |key: &Spanned<String>| match form.of {
        Of::Keys(keys) => keys.iter().position(|(known, _)| *known == key.as_str()).unwrap_or(keys.len()),
        _ => 0,
    };
    let form = |place: usize| match form.of {
        Of::Keys(keys) => keys.get(place).map_or(&VALUE, |(_, form)| *form),
        Of::Names(form) => form,
        _ => &VALUE,
    };
    let mut ordered: Vec<_> = entries.iter().map(|(key, value)| (place(key), key, value)).collect();
    ordered.sort_by_key(|(place, ..)| *place);
    ordered.into_iter().map(|(place, key, value)| (key, value, form(place))).collect()
}

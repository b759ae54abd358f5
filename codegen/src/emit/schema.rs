//! The form of descriptions and extensions as JSON Schema, from the structs that they are read into.
//!
//! An editor that knows it completes keys and words, shows what they mean, and underlines what cannot stand there.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::description::extension::Extension;
use crate::description::{Bits, Description, Items, Reset};
use crate::source::Spanned;

/// The schema, draft 2020-12, as a JSON text with a line end.
#[must_use]
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let schema = settings.into_generator().into_root_schema_for::<File>();
    format!("{:#}\n", schema.as_value())
}

/// A file that somebody edits.
struct File;

impl JsonSchema for File {
    fn schema_name() -> Cow<'static, str> {
        "A description or an extension".into()
    }

    // Asked of one, an editor says what is wrong with that; of one of two, only that it is neither.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "if": { "required": ["extension"] },
            "then": generator.subschema_for::<Extension>(),
            "else": generator.subschema_for::<Description>(),
        })
    }
}

/// What may be left out may not be given as nothing.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [kind] = types.as_mut_slice() {
            let kind = kind.take();
            schema.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(alternatives)) = schema.get_mut("anyOf") {
        alternatives.retain(|alternative| alternative["type"] != "null");
        if let [Value::Object(one)] = alternatives.as_mut_slice() {
            let one = std::mem::take(one);
            schema.remove("anyOf");
            for (key, value) in one {
                schema.insert(key, value);
            }
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

/// Where a value stands makes no difference to it.
impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for Items<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Vec::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<T>::json_schema(generator)
    }
}

impl JsonSchema for Bits {
    fn schema_name() -> Cow<'static, str> {
        "Bits".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bits that stand together, such as \"7\" or \"4:0\": the highest first.",
            "type": "string",
            "pattern": "^[0-9]+(:[0-9]+)?$",
        })
    }
}

impl JsonSchema for Reset {
    fn schema_name() -> Cow<'static, str> {
        "Reset".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut number = u64::json_schema(generator);
        number.insert("description".to_owned(), "It is this.".into());
        json_schema!({
            "description": "A value after a reset.",
            "oneOf": [
                number,
                {
                    "description": "Nobody says, or it depends on something outside the chip.",
                    "const": "unknown",
                },
            ],
        })
    }
}

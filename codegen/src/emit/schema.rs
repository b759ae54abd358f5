//! The JSON Schema of descriptions and extensions, derived from the structs of `description`.
//!
//! With it, an editor completes keys and keywords, shows their documentation, and underlines errors.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::description::extension::Extension;
use crate::description::{Bits, Description, Items, Reset};
use crate::source::Spanned;

/// Returns the schema, draft 2020-12, as JSON with a line end.
#[must_use]
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let schema = settings.into_generator().into_root_schema_for::<File>();
    format!("{:#}\n", schema.as_value())
}

/// A file: a description or an extension.
struct File;

impl JsonSchema for File {
    fn schema_name() -> Cow<'static, str> {
        "A description or an extension".into()
    }

    // With `if`, an editor reports the errors of the right schema. With `oneOf`, it only reports that neither matches.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "if": { "required": ["extension"] },
            "then": generator.subschema_for::<Extension>(),
            "else": generator.subschema_for::<Description>(),
        })
    }
}

/// Removes `null` from optional values, because a key cannot have an empty value.
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

/// The schema of a value does not depend on its span.
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
            "description": "A range of bits, such as \"7\" or \"4:0\", the highest first.",
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
        number.insert("description".to_owned(), "A known value.".into());
        json_schema!({
            "description": "A value after a reset.",
            "oneOf": [
                number,
                {
                    "description": "No source gives it, or it depends on something outside the chip.",
                    "const": "unknown",
                },
            ],
        })
    }
}

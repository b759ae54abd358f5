//! Turns `uart.yaml` into the registers of the crate.

fn main() {
    datasheet_codegen::Generator::new("uart.yaml").crate_path("crate::runtime").build_script();
}

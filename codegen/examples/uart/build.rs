//! Turns `uart.yaml` into the registers of the crate.

fn main() {
    datasheet_codegen::build_script("uart.yaml");
}

//! Turns `e1000.yaml` into the registers and descriptors of the crate.

fn main() {
    datasheet_codegen::build_script("e1000.yaml");
}

//! Turns `registers.yaml` into the crate's registers and descriptors.

fn main() {
    datasheet_codegen::Generator::new("registers.yaml").uses("src/device/registers.txt").build_script();
}

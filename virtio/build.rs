//! Turns `virtio.yaml` into the crate's registers and descriptors.

fn main() {
    datasheet_codegen::build_script("virtio.yaml");
}

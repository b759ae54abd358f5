fn main() {
    datasheet_codegen::extend("ixgbe", "acme.yaml");
}

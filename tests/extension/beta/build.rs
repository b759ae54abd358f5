fn main() {
    generator::Generator::extending_dependency("ixgbe", "beta.yaml").crate_path("::nic").no_implicit_prelude().build_script();
}

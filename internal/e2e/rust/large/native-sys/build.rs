fn main() {
    println!("cargo:rerun-if-changed=native");
    cc::Build::new().file("native/checksum.c").include("native").compile("large-native");
}

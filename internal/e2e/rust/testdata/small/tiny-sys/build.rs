fn main() {
    println!("cargo:rerun-if-changed=native");
    cc::Build::new().file("native/tiny.c").include("native").compile("tiny");
}

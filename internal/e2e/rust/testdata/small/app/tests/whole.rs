use either::Either;

#[test]
fn runs() {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_app")).output().unwrap();
    let got: Either<String, ()> = Either::Left(String::from_utf8(out.stdout).unwrap());
    assert!(got.left().unwrap().contains(" 42 one+two+three 7 "));
}
